// The service worker: keeps libraries and our own hashed assets, never a page; says what is pushed to this device.
// A page holds the name of its live connection: kept, it would let a stranger in and could not live.
const CACHE = "__CACHE__";
const LIBRARIES = "__LIBRARIES__", PRIVATE_LIBRARIES = "__PRIVATE_LIBRARIES__";
const OFFLINE = "/offline.html", HASHED = /^\/assets\/[0-9a-f]{12}\//;
const SHELL = [OFFLINE, "/icons/icon-192.png", "/icons/badge-96.png"];
const AWAY = [502, 503, 504]; // a proxy whose trader is down

self.addEventListener("install", (event) => {
  const fresh = SHELL.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  if (self.registration.navigationPreload) await self.registration.navigationPreload.enable();
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const request = event.request, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (!/^\/(api|health|metrics)(\/|$)/.test(url.pathname)) event.respondWith(page(event));
  } else if (isKept(url.pathname)) {
    event.respondWith(library(request));
  } else if (SHELL.includes(url.pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(url.pathname)));
  }
});

const isKept = (path) =>
  HASHED.test(path) || (path.startsWith(LIBRARIES) && !path.startsWith(PRIVATE_LIBRARIES));

async function library(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  const lasting = /immutable/.test(answer.headers.get("cache-control") || "");
  if (answer.status === 200 && answer.type === "basic" && !answer.redirected && lasting) {
    await cache.put(request, answer.clone());
  }
  return answer;
}

async function page(event) {
  try {
    const answer = (await event.preloadResponse) || (await fetch(event.request));
    return AWAY.includes(answer.status) ? offline() : answer;
  } catch {
    return offline();
  }
}

const offline = async () => (await caches.match(OFFLINE)) || Response.error();

// ---------------------------------------------------------------- alerts

const NAME = "bitcoin-autotrader";
const link = (text) => (/^\/(\?tab=[a-z]{1,20})?$/.test(text) ? text : "/");

self.addEventListener("push", (event) => event.waitUntil(tell(event.data)));

async function tell(data) {
  let told = {};
  try {
    told = data ? data.json() : {};
  } catch {
    told = { body: data.text() };
  }
  const tag = String(told.tag || "");
  await self.registration.showNotification(String(told.title || NAME), {
    body: String(told.body || ""),
    tag,
    renotify: Boolean(tag && told.grave),
    requireInteraction: Boolean(told.grave),
    silent: Boolean(told.silent),
    icon: "/icons/icon-192.png",
    badge: "/icons/badge-96.png",
    data: { url: link(String(told.url || "/")) },
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead((event.notification.data || {}).url || "/"));
});

async function lead(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const here = windows.find((each) => each.visibilityState === "visible") || windows[0];
  if (!here) return self.clients.openWindow(url);
  if (new URL(here.url).pathname === "/") here.postMessage({ go: url });
  else await here.navigate(url).catch(() => null);
  return here.focus().catch(() => null); // the tap allows it; without one it is refused
}

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

async function renew(event) {
  const old = event.oldSubscription;
  const fresh = event.newSubscription || (old && (await self.registration.pushManager.subscribe(old.options)));
  if (!fresh) return;
  const headers = { "content-type": "application/json" };
  await fetch("/api/v1/push", { method: "POST", headers, body: JSON.stringify(fresh) });
}
