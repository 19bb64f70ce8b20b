// The app on this device: the service worker, a place on the home screen, and alerts by push. What only a browser knows
// stands in data-push and data-install of the root element; the stylesheet shows the words that fit.
(() => {
  const root = document.documentElement, here = navigator.userAgent;
  const apple = /iPhone|iPad|iPod/.test(here) || (/Macintosh/.test(here) && navigator.maxTouchPoints > 1);
  const installed = navigator.standalone === true || matchMedia("(display-mode: standalone)").matches;
  const say = (word, why = "") => {
    root.dataset.push = word;
    document.querySelectorAll(".push-why").forEach((place) => { place.textContent = why; });
  };

  // ---- the service worker

  const worker = "serviceWorker" in navigator ? navigator.serviceWorker : null;
  const registered = worker
    ? new Promise((done) => {
      const go = () => worker.register("/sw.js", { scope: "/", updateViaCache: "none" }).then(() => worker.ready).then(done, () => done(null));
      if (document.readyState === "complete") go(); else addEventListener("load", go);
    })
    : Promise.resolve(null);
  if (worker) {
    worker.addEventListener("message", (event) => {
      const url = String((event.data || {}).go || "");
      if (!/^\/(\?tab=[a-z]{1,20})?$/.test(url)) return;
      const tab = document.querySelector(`[data-tab="${url.slice(6) || "positions"}"]`);
      if (tab) tab.click(); else if (url.length > 1) location.assign(url);
    });
  }

  // ---- the home screen

  const STAYS_AWAY = "trader-install-hint";
  const wanted = () => { try { return !localStorage.getItem(STAYS_AWAY); } catch { return true; } };
  let ask = null;
  if (apple && !installed) {
    if (wanted() && !/CriOS|FxiOS|EdgiOS/.test(here)) root.dataset.install = "apple";
    const points = `${screen.width}x${screen.height}@${devicePixelRatio}`;
    const splash = document.createElement("link"); // read at the moment in which the app is put on the home screen
    splash.rel = "apple-touch-startup-image";
    splash.href = `/icons/splash-${points}.png`;
    document.head.append(splash);
  }
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    ask = event;
    if (wanted()) root.dataset.install = "ask";
  });
  addEventListener("appinstalled", () => { delete root.dataset.install; });

  // ---- alerts on this device

  let mine = ""; // SHA-256 of this browser's endpoint, by which it finds itself in the list
  const mark = document.createElement("style");
  document.head.append(mark);
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const same = (buffer, other) => Boolean(buffer) && String(new Uint8Array(buffer)) === String(other);
  async function know(subscription) {
    const digest = subscription && await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
    mine = digest ? [...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("") : "";
    mark.textContent = mine ? `[data-endpoint="${mine}"] .this-device { display: inline; }` : "";
  }
  async function api(method, path = "", body) {
    const headers = body ? { "content-type": "application/json" } : {};
    const answer = await fetch(`/api/v1/push${path}`, { method, headers, body: body && JSON.stringify(body) });
    if (answer.status === 204) return {};
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.detail || `the trader answers ${answer.status}`);
    return told;
  }
  const within = (seconds, promise, why) =>
    Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(why)), seconds * 1000))]);
  async function manager() {
    const ready = await within(10, registered, "the service worker does not start");
    if (!ready) throw new Error("the service worker could not be set up");
    return ready.pushManager;
  }

  function possible() {
    if (apple && !installed) return "install";
    if (!isSecureContext) return "insecure";
    if (!worker || !("PushManager" in window) || !("Notification" in window)) return "unsupported";
    return Notification.permission === "denied" ? "denied" : "";
  }

  // A subscription that the trader does not know (any more) is no use: it was removed from the list elsewhere.
  async function look() {
    const why = possible();
    if (why) return say(why);
    try {
      const subscription = await (await manager()).getSubscription();
      if (!subscription) { await know(null); return say("off"); }
      await know(subscription);
      const told = await api("GET");
      const good = same(subscription.options.applicationServerKey, bytes(told.public_key));
      if (good && told.items.some((each) => each.endpoint_sha256 === mine)) return say("on");
      await subscription.unsubscribe();
      await know(null);
      return say("off");
    } catch (error) {
      return say("failed", error.message);
    }
  }

  async function turnOn() {
    say("busy");
    try {
      if (await Notification.requestPermission() !== "granted") return look(); // asked from the tap itself, else iOS refuses
      const pushing = await manager(), key = bytes((await api("GET")).public_key);
      const old = await pushing.getSubscription();
      if (old && !same(old.options.applicationServerKey, key)) await old.unsubscribe();
      const asked = pushing.subscribe({ userVisibleOnly: true, applicationServerKey: key });
      const subscription = await within(30, asked, "the browser's push service does not answer");
      await api("POST", "", subscription.toJSON());
      await know(subscription);
      return say("on");
    } catch (error) {
      return say("failed", error.message);
    }
  }

  async function turnOff() {
    say("busy");
    try {
      const listed = (await api("GET")).items.find((each) => each.endpoint_sha256 === mine);
      if (listed) await api("DELETE", `/${listed.id}`);
      await forget();
      return say("off");
    } catch (error) {
      return say("failed", error.message);
    }
  }
  async function forget() {
    const subscription = await (await manager()).getSubscription();
    if (subscription) await subscription.unsubscribe();
    await know(null);
  }

  addEventListener("click", (event) => {
    const pressed = event.target.closest && event.target.closest("[data-app]");
    if (!pressed) return;
    const what = pressed.dataset.app;
    if (what === "push-on") turnOn();
    if (what === "push-off") turnOff();
    if (what === "push-look") look();
    if (what === "push-removed" && mine && pressed.closest(`[data-endpoint="${mine}"]`)) forget().then(() => say("off"), look);
    if (what === "install" && ask) ask.prompt().then(() => { delete root.dataset.install; }, () => {});
    if (what === "install-later") {
      delete root.dataset.install;
      try { localStorage.setItem(STAYS_AWAY, "later"); } catch { /* it is asked again, then */ }
    }
  });
  look();
})();
