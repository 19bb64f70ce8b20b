"""The dashboard as an installed app in a real Chromium: it can be installed, outlives the server, and is told things.

Chromium reaches no push service here: what one would hand to the worker is handed over through the debugger, and what
the trader sends goes to a push service on this machine.
"""

import asyncio
import json
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.test_dashboard_browser import CHROMIUM, QUIET, App, needs_chromium, running, sign_in
from tests.push_stand_in import PushService, push_service

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    needs_chromium,
]

KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys())
    for (const each of await (await caches.open(name)).keys()) found.push(new URL(each.url).pathname);
  return found;
}"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((each) => (
  { title: each.title, body: each.body, tag: each.tag, url: each.data.url, stays: each.requireInteraction }))"""
# What Chromium would get from its push service, which is far away: an address at the one on this machine.
SUBSCRIBES = """([endpoint, p256dh, auth]) => {
  let there = null;
  const made = (key) => ({ endpoint, options: { applicationServerKey: key }, unsubscribe: async () => { there = null; },
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh, auth } }) });
  PushManager.prototype.subscribe = async (how) => { there = made(how.applicationServerKey); return there; };
  PushManager.prototype.getSubscription = async () => there;
}"""

CANNOT_SUBSCRIBE = """() => { PushManager.prototype.subscribe = async () => {
  throw new DOMException("Registration failed - push service error", "AbortError"); }; }"""
DENIED = """() => {
  Object.defineProperty(Notification, "permission", { get: () => "denied" });
  Notification.requestPermission = async () => "denied";
}"""
TAP = """async () => {
  const [last] = (await registration.getNotifications()).filter((each) => each.tag === "a");
  dispatchEvent(new NotificationEvent("notificationclick", { notification: last }));
}"""
PUBLIC = r"/(offline\.html|icons/.*|assets/[0-9a-f]{12}/.*|_nicegui/[\d.]+/(?!dynamic_resources).*)"
WATCHES_TABS = """() => {
  window.went = [];
  addEventListener("click", (event) => went.push(event.target.dataset.tab));
}"""


@asynccontextmanager
async def a_phone() -> AsyncIterator[Any]:
    """A page of a browser that allows messages, in a profile of its own: in a private window nothing is installed."""
    from playwright.async_api import async_playwright

    with tempfile.TemporaryDirectory() as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=CHROMIUM, args=QUIET, viewport={"width": 390, "height": 844}
            )
            await context.grant_permissions(["notifications"])
            page = context.pages[0]
            wrong: list[str] = []
            page.on("pageerror", lambda error: wrong.append(str(error)))
            try:
                yield page
            finally:
                await context.close()
            assert wrong == []


async def enter(page: Any, app: App) -> None:
    """Signed in, and the service worker at work."""
    await sign_in(page, app)
    await page.wait_for_selector(".equity")
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")


async def deliver(page: Any, app: App, content: dict[str, Any]) -> dict[str, Any]:
    """As the browser's push service does; what is shown then. A browser without a screen may lose its first one right
    after it was shown, so it is delivered again."""
    for _ in range(20):
        await hand_over(page, app, content)
        for _ in range(20):
            for each in await page.evaluate(SHOWN):
                if each["title"] == content["title"]:
                    return each  # type: ignore[no-any-return]
            await asyncio.sleep(0.05)
    raise AssertionError(f"{content} was never shown")


async def hand_over(page: Any, app: App, content: dict[str, Any]) -> None:
    session = await page.context.new_cdp_session(page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def heard(event: dict[str, Any]) -> None:
        for each in event["registrations"]:
            if each["scopeURL"] == f"{app.url}/" and not found.done():
                found.set_result(each["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", heard)
    await session.send("ServiceWorker.enable")
    message = {"origin": app.url, "registrationId": await found, "data": json.dumps(content)}
    await session.send("ServiceWorker.deliverPushMessage", message)
    await session.detach()


@contextmanager
def another_server(port: int) -> Iterator[None]:
    """In the trader's place, and well: all that a page without a connection waits for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the server looks for
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>The trader is back</h1>")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.05), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_the_app_is_installed_told_things_signed_out_of_and_outlives_its_server() -> None:
    """One browser for all of it: to start one costs more than everything that is looked at here."""
    from playwright.async_api import expect

    async with a_phone() as page:
        with push_service() as service:
            async with running(f"alerts {service.host}") as app:
                await enter(page, app)
                await it_can_be_installed(page)
                await what_is_pushed_is_shown_and_a_tap_on_it_leads_there(page, app)
                await alerts_come_to_this_phone_and_end_when_it_is_removed(page, service)
                await page.reload()  # by way of the worker
                await page.wait_for_selector(".equity")
                assert any(path.endswith("vue.esm-browser.prod.js") for path in await page.evaluate(KEPT))
                await signing_out_leaves_the_worker_and_nothing_private(page)
        await page.goto(app.url)
        await expect(page.get_by_role("heading")).to_have_text("No connection to your trader")
        with another_server(app.port):  # the page comes back by itself
            await expect(page.get_by_role("heading")).to_have_text("The trader is back", timeout=10_000)


async def it_can_be_installed(page: Any) -> None:
    session = await page.context.new_cdp_session(page)
    assert (await session.send("Page.getInstallabilityErrors"))["installabilityErrors"] == []
    assert (await session.send("Page.getAppManifest"))["errors"] == []


async def what_is_pushed_is_shown_and_a_tap_on_it_leads_there(page: Any, app: App) -> None:
    killed = {"title": "Kill switch", "body": "down 50 %", "tag": "kill_switch", "grave": True}
    first = await deliver(page, app, {**killed, "url": "https://evil.example/?tab=x"})
    assert first == {"title": "Kill switch", "body": "down 50 %", "tag": "kill_switch", "url": "/", "stays": True}
    await deliver(page, app, {**killed, "title": "Over: Kill switch"})
    trade = {"title": "Bought", "body": "<b>0.0078</b> BTC", "tag": "a", "url": "/?tab=positions"}
    bought = await deliver(page, app, trade)
    assert (bought["body"], bought["url"], bought["stays"]) == ("<b>0.0078</b> BTC", "/?tab=positions", False)
    assert sorted(each["title"] for each in await page.evaluate(SHOWN)) == ["Bought", "Over: Kill switch"]
    (worker,) = page.context.service_workers
    await page.evaluate(WATCHES_TABS)
    await worker.evaluate(TAP)
    await page.wait_for_function("went.includes('positions')")
    assert [each["title"] for each in await page.evaluate(SHOWN)] == ["Over: Kill switch"]


async def alerts_come_to_this_phone_and_end_when_it_is_removed(page: Any, service: PushService) -> None:
    from playwright.async_api import expect

    await page.get_by_role("button", name="Alerts: 1 grave, not seen yet").click()
    grave = page.locator(".notice.critical").first
    await grave.get_by_role("button", name="I have seen it").click()
    await expect(grave).to_contain_text("Seen by admin")
    await expect(page.locator(".bell")).to_have_attribute("aria-label", "Alerts: nothing new")
    await page.locator(".push-fold summary").click()
    await page.evaluate(CANNOT_SUBSCRIBE)
    await page.get_by_role("button", name="Get alerts on this device").click()
    await expect(page.get_by_text("That did not work: Registration failed")).to_be_visible()

    subscription = service.subscribed()
    await page.evaluate(SUBSCRIBES, [subscription.endpoint, subscription.p256dh, subscription.auth])
    await page.get_by_role("button", name="Try again").click()
    device = page.locator(".device")
    await expect(device).to_contain_text("on Linux")
    await expect(device.get_by_text("this device")).to_be_visible()
    await device.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_text("Sent: it should ring now")).to_be_visible()
    assert [each.content["body"] for each in service.got] == ["Alerts reach this device."]
    service.status["/a"] = 503
    await device.get_by_role("button", name="Send a test").click()
    await expect(device.get_by_text("its push service answers 503")).to_be_visible()
    await device.get_by_role("button", name="Remove").click()
    await expect(device).to_have_count(0)

    await page.evaluate(DENIED)
    await page.get_by_role("button", name="Get alerts on this device").click()
    await expect(page.get_by_text("This browser refuses")).to_be_visible()


async def signing_out_leaves_the_worker_and_nothing_private(page: Any) -> None:
    await page.get_by_label("Menu").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/login")
    kept = await page.evaluate(KEPT)
    assert "/offline.html" in kept
    assert [path for path in kept if not re.fullmatch(PUBLIC, path)] == []
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 1
    assert await page.evaluate("Object.keys(localStorage)") == []
