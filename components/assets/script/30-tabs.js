// The address follows the tab, so that a reload, a link and the back button come to it; arrow keys move along the tabs.
(() => {
  let going = false;
  addEventListener("click", (event) => {
    const tab = event.target.closest && event.target.closest("[data-tab]");
    if (!tab || going) return;
    history.pushState(null, "", `?tab=${tab.dataset.tab}`);
    scrollTo({ top: 0 });
  });
  addEventListener("popstate", () => {
    const wanted = new URLSearchParams(location.search).get("tab");
    const tab = document.querySelector(wanted ? `[data-tab="${CSS.escape(wanted)}"]` : "[data-tab]");
    going = true;
    if (tab) tab.click();
    going = false;
  });
  addEventListener("keydown", (event) => {
    const here = event.target.closest && event.target.closest("[role=tab]");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!here || !step) return;
    const all = [...here.parentElement.querySelectorAll("[role=tab]")];
    const next = all[(all.indexOf(here) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
})();
