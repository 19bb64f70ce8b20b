"""Pictures of every part of the dashboard into docs/images: `python -m tests.tools.screenshots` (make screenshots).

As a phone and as a desk show them, light and dark, of a made-up trader (scene `full`, and the same one live). Time
stands still in the browser and everything shown is seeded, so that a picture changes only when the dashboard does.
`--out` names another folder; `--whole` takes each page in its full length, to be looked at.
"""

import argparse
import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.test_dashboard_browser import CHROMIUM, QUIET, App, running, sign_in
from tests.ui_weeks import RECEIPT
from tests.ui_weeks_market import AT, PRICE

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
SIZES = {"phone": (390, 844, 2), "desktop": (1280, 800, 1)}  # wide, high, pixels a point
SCHEMES = ("light", "dark")
COLOURS = 255
TRIES = 40
AVERAGES = "() => document.querySelector('.price-chart svg').outerHTML.includes('var(--line-c)')"
NEW = "() => !document.getElementById('price-age') || document.getElementById('price-age').dataset.words === 'now'"


async def _show(page: Page, what: str, sight: str) -> None:
    """An address of the dashboard, until `sight` is seen."""
    await page.goto(what)
    await page.wait_for_selector(".price")
    await page.wait_for_selector(f"{sight} >> visible=true")


async def positions(page: Page) -> None:
    await _show(page, "/", ".card >> nth=2")


async def history(page: Page) -> None:
    await _show(page, "/?tab=history", ".entry >> nth=3")


async def insights(page: Page) -> None:
    await _show(page, "/?tab=insights", ".price-chart svg path >> nth=90")
    await page.wait_for_function(AVERAGES)


async def controls(page: Page) -> None:
    await _show(page, "/?tab=controls", ".strategy >> nth=2")


async def backtest(page: Page) -> None:
    """With the newest that has ended open."""
    await _show(page, "/?tab=backtest", ".entry >> nth=4")
    done = page.locator(".entry", has_text="Backtest · done").first
    await done.locator("details").first.evaluate("(card) => { card.open = true; }")  # it may still be moving up
    await done.locator(".run-figures .cell").last.wait_for()
    if page.viewport_size and page.viewport_size["width"] < 760:
        await done.evaluate("(run) => scrollTo(0, run.getBoundingClientRect().top + scrollY - 96)")


async def receipt(page: Page) -> None:
    await _show(page, f"/?tab=history&decision={RECEIPT}", ".check >> nth=3")


async def settings(page: Page) -> None:
    await _show(page, "/?tab=settings", ".section >> nth=3")


PARTS = (positions, history, insights, controls, backtest, receipt, settings)
NAMES = (
    *(f"{part}-{size}-{scheme}.png" for part in ("sign-in", *(each.__name__ for each in PARTS)) for size in SIZES
      for scheme in SCHEMES),
    "live-phone-dark.png",
)  # fmt: skip


class Camera:
    """Takes a page once it has come to rest, and keeps the picture small."""

    def __init__(self, app: App, out: Path, *, whole: bool) -> None:
        self._app, self._out, self._whole = app, out, whole

    async def take(self, page: Page, name: str) -> None:
        before = b""
        for _ in range(TRIES):
            await self._app.tell(f"price {PRICE}")  # it has just come
            await page.wait_for_function(NEW)
            now = await page.screenshot(full_page=self._whole, animations="disabled", caret="hide")
            if now == before:
                self._keep(now, name)
                return
            before = now
            await page.wait_for_timeout(250)
        raise SystemExit(f"{name}: the page does not come to rest")

    def _keep(self, picture: bytes, name: str) -> None:
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        few_colours(image).save(self._out / name, optimize=True)
        print(f"{name}: {(self._out / name).stat().st_size // 1024} KB", flush=True)


def few_colours(picture: Image.Image) -> Image.Image:
    """One after the other the colour that is missed most, by how far off and how often: a thin red line stays red."""
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, places, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    colours = colours.astype(int)
    nearest, off = np.zeros(len(colours), np.uint8), np.full(len(colours), np.inf)
    palette = np.zeros((min(COLOURS, len(colours)), 3), int)
    for place in range(len(palette)):
        palette[place] = colours[counts.argmax() if place == 0 else (off * np.sqrt(counts)).argmax()]
        distance = ((colours - palette[place]) ** 2).sum(axis=1)
        nearest[distance < off] = place
        off = np.minimum(off, distance)
    small = Image.fromarray(nearest[places.ravel()].reshape(picture.height, picture.width), "P")
    small.putpalette([int(part) for part in palette.ravel()])
    return small


async def _a_page(browser: Browser, app: App, size: str, scheme: Any) -> Page:
    wide, high, scale = SIZES[size]
    context = await browser.new_context(
        base_url=app.url,
        viewport={"width": wide, "height": high},
        device_scale_factor=scale,
        color_scheme=scheme,
        timezone_id="UTC",
        locale="en-US",
    )
    await context.clock.set_fixed_time(AT)
    return await context.new_page()


async def photograph(out: Path, wanted: Callable[[str], bool], *, whole: bool = False) -> None:
    out.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        async with running("full") as app:
            camera = Camera(app, out, whole=whole)
            for size in SIZES:
                for scheme in SCHEMES:
                    page = await _a_page(browser, app, size, scheme)
                    await _all_parts(page, app, camera, wanted, f"{size}-{scheme}.png")
        if wanted("live-phone-dark.png"):
            async with running("live") as app:
                page = await _a_page(browser, app, "phone", "dark")
                await sign_in(page, app)
                await positions(page)
                await Camera(app, out, whole=whole).take(page, "live-phone-dark.png")
        await browser.close()


async def _all_parts(page: Page, app: App, camera: Camera, wanted: Callable[[str], bool], kind: str) -> None:
    shown: Sequence[Callable[[Page], Awaitable[None]]] = [each for each in PARTS if wanted(f"{each.__name__}-{kind}")]
    if wanted(f"sign-in-{kind}"):
        await page.goto("/login")
        await camera.take(page, f"sign-in-{kind}")
    if shown:
        await sign_in(page, app)
        await page.wait_for_selector(".price")
    for part in shown:
        await part(page)
        await camera.take(page, f"{part.__name__}-{kind}")
    await page.wait_for_load_state("networkidle")
    await page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("names", nargs="*", help="beginnings of names, such as history-phone")
    asked = parser.parse_args()
    begins = tuple(asked.names) or ("",)
    asyncio.run(photograph(asked.out, lambda name: name.startswith(begins), whole=asked.whole))


if __name__ == "__main__":
    main()
