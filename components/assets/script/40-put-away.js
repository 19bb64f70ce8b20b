// What a person has put away stays away in this browser: once the tag is set, the stylesheet hides it.
(() => {
  const key = (name) => `put-away:${name}`;
  const remember = (name) => { try { localStorage.setItem(key(name), "yes"); } catch { /* private window: for now only */ } };
  const known = (name) => { try { return localStorage.getItem(key(name)) === "yes"; } catch { return false; } };
  if (known("first-steps")) document.documentElement.classList.add("away-first-steps");
  addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("[data-away]")) return;
    const name = event.target.closest("[data-put-away]").dataset.putAway;
    remember(name);
    document.documentElement.classList.add(`away-${name}`);
  });
})();
