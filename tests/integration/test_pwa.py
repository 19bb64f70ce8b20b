"""What everybody may fetch before signing in: the parts of the app, and nothing private in them."""

import io
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from nicegui import __version__ as nicegui_version
from PIL import Image

from components.pwa import add_pwa
from components.theme import SCRIPT
from tests.fakes_ui import PASSWORD, Desk
from tests.integration.test_http_api import HOST, an_application


@pytest.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    desk = Desk()
    await desk.auth.start("admin", PASSWORD)
    web = an_application(desk)
    add_pwa(web)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url=HOST) as client:
        yield client


async def test_the_manifest_names_icons_of_the_size_they_have(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/manifest.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    told = answer.json()
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    assert {(icon["sizes"], icon["purpose"]) for icon in told["icons"]} == {
        *(("192x192", "any"), ("512x512", "any"), ("512x512", "maskable"))
    }
    for icon in told["icons"]:
        picture = Image.open(io.BytesIO((await stranger.get(icon["src"])).content))
        assert f"{picture.width}x{picture.height}" == icon["sizes"]


async def test_an_icon_that_may_be_cut_to_a_circle_has_no_transparent_edge(stranger: httpx.AsyncClient) -> None:
    for name in ("maskable-512.png", "apple-touch-180.png"):
        picture = Image.open(io.BytesIO((await stranger.get(f"/icons/{name}")).content)).convert("RGBA")
        low, high = picture.getchannel("A").getextrema()
        assert (low, high) == (255, 255), name


async def test_the_worker_is_asked_for_anew_and_its_cache_dies_with_what_it_holds(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/sw.js")
    assert (answer.headers["cache-control"], answer.headers["service-worker-allowed"]) == ("no-cache", "/")
    assert f"trader-{nicegui_version}-" in answer.text
    assert "__" not in answer.text, "every mark was filled in"
    again = await stranger.get("/sw.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/offline.html", "/favicon.ico", "/icons/badge-96.png", "/icons/splash-390x844@3.png", "/sw.js"]
)
async def test_a_stranger_gets_the_parts_of_the_app_and_no_cookie(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/icons/", "/icons/../login.css", "/icons/%2e%2e/sw.js", "/icons/nothing.png"])
async def test_nothing_else_hides_behind_the_open_addresses(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code in (303, 404)


async def test_the_page_without_a_connection_needs_nothing_from_the_server(stranger: httpx.AsyncClient) -> None:
    text = (await stranger.get("/offline.html")).text
    wanted = set(re.findall(r'(?:src|href)="([^"]+)"', text))
    assert wanted == {"/icons/icon-192.png"}
    assert SCRIPT not in text


async def test_signing_out_clears_what_the_browser_kept_and_leaves_the_worker(stranger: httpx.AsyncClient) -> None:
    await stranger.post("/login", data={"username": "admin", "password": PASSWORD}, headers={"origin": HOST})
    answer = await stranger.post("/logout", headers={"origin": HOST})
    assert answer.headers["clear-site-data"] == '"cache"'
