// Where there is room for two columns, System health stands open beside the strategies; whoever shuts it keeps it shut.
(() => {
  const look = setInterval(() => {
    const health = document.querySelector(".controls .section-health");
    if (!health || !health.offsetParent) return;
    clearInterval(look);
    if (matchMedia("(min-width: 1000px)").matches) health.open = true;
  }, 300);
})();
