// Times in the zone of whoever looks; a tap on any of them says all of them in UTC, and back.
(() => {
  let utc = false;
  window.traderTimes = { get utc() { return utc; }, zone: () => utc ? { timeZone: "UTC" } : {} };
  const shape = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  function say(at) {
    const then = new Date(at), now = new Date();
    const zone = window.traderTimes.zone();
    const day = { ...zone, year: "numeric", month: "numeric", day: "numeric" };
    const today = then.toLocaleDateString([], day) === now.toLocaleDateString([], day);
    const year = then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
    const wanted = today ? { hour: shape.hour, minute: shape.minute, hourCycle: shape.hourCycle } : { ...shape, ...year };
    return then.toLocaleString([], { ...zone, ...wanted }) + (utc ? " UTC" : "");
  }
  function sweep() {
    document.querySelectorAll("time.moment[datetime]").forEach((place) => {
      const at = place.getAttribute("datetime");
      const text = at ? say(at) : "";
      if (place.textContent !== text) place.textContent = text;
      const title = at ? new Date(at).toISOString().slice(0, 19).replace("T", " ") + " UTC" : "";
      if (place.title !== title) place.title = title;
    });
  }
  setInterval(sweep, 500);
  addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("time.moment")) return;
    utc = !utc;
    document.documentElement.dataset.zone = utc ? "UTC" : "";
    sweep();
    dispatchEvent(new Event("trader-zone"));
    event.preventDefault();
  });
})();
