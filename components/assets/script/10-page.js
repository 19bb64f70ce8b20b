// The little that only a browser can know: how old the price is, whether the connection and the engine still stand.
(() => {
  const root = document.documentElement;
  let at = null, since = 0, base = 0, beat = null, moved = performance.now();
  const words = (s) => s < 2 ? "now" : s < 60 ? `${s} s ago` : s < 3600 ? `${Math.floor(s / 60)} min ago` : `${Math.floor(s / 3600)} h ago`;
  const STALLED_SECONDS = 90;
  function tick() {
    const age = document.getElementById("price-age");
    if (!age) return;
    if (age.dataset.at !== at) { at = age.dataset.at; since = performance.now(); base = Number(age.dataset.age || 0); }
    const seconds = Math.floor(base + (performance.now() - since) / 1000);
    const text = at ? words(seconds) : "";
    if (age.dataset.words !== text) age.dataset.words = text;
    age.dataset.old = at && seconds >= 15 ? "yes" : "no";
    if (age.dataset.beat !== beat || document.hidden) { beat = age.dataset.beat; moved = performance.now(); }
    root.classList.toggle("stalled", Boolean(beat) && performance.now() - moved > STALLED_SECONDS * 1000);
  }
  setInterval(tick, 250);
  function countDown() {
    document.querySelectorAll("[data-until]").forEach((place) => {
      const left = Math.max(0, Math.round((Date.parse(place.dataset.until) - Date.now()) / 1000));
      const two = (n) => String(n).padStart(2, "0");
      const at = new Date(place.dataset.until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      const text = `${at} your time, in ${Math.floor(left / 3600)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
      if (place.dataset.words !== text) place.dataset.words = text;
    });
  }
  setInterval(countDown, 500);
  const offline = (is) => { root.classList.toggle("offline", is); if (!is) root.classList.remove("unheard"); };
  const hook = setInterval(() => {
    if (!window.socket) return;
    clearInterval(hook);
    window.socket.on("connect", () => { offline(false); moved = performance.now(); });
    window.socket.on("disconnect", () => offline(true));
  }, 20);
  addEventListener("offline", () => offline(true));
  addEventListener("online", () => offline(!(window.socket && window.socket.connected)));
  // A tap that nobody hears would be kept and sent once the connection is back, to a market that has moved on.
  addEventListener("click", (event) => {
    if (!root.classList.contains("offline") || !event.target.closest("button, [role=button], [role=switch]")) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    root.classList.add("unheard");
  }, true);
  addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
  });
})();
