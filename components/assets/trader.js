// The little that only a browser can know: how old the price is, and whether the connection still stands.
(() => {
  const root = document.documentElement;
  let at = null, since = 0, base = 0;
  const words = (s) => s < 2 ? "now" : s < 60 ? `${s} s ago` : s < 3600 ? `${Math.floor(s / 60)} min ago` : `${Math.floor(s / 3600)} h ago`;
  function tick() {
    const age = document.getElementById("price-age");
    if (!age) return;
    if (age.dataset.at !== at) { at = age.dataset.at; since = performance.now(); base = Number(age.dataset.age || 0); }
    const seconds = Math.floor(base + (performance.now() - since) / 1000);
    const text = at ? words(seconds) : "";
    if (age.dataset.words !== text) age.dataset.words = text;
    age.dataset.old = at && seconds >= 15 ? "yes" : "no";
  }
  setInterval(tick, 250);
  const offline = (is) => root.classList.toggle("offline", is);
  const hook = setInterval(() => {
    if (!window.socket) return;
    clearInterval(hook);
    window.socket.on("connect", () => offline(false));
    window.socket.on("disconnect", () => offline(true));
  }, 20);
  addEventListener("offline", () => offline(true));
  addEventListener("online", () => offline(!(window.socket && window.socket.connected)));
  addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
  });
})();
