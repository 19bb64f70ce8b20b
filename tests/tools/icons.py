"""Draws the icons of the installed app from components/assets/icon.svg: `python -m tests.tools.icons` (make icons).

Chromium draws, Pillow makes them small. They are committed, so that nobody needs either to run the program.
"""

import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ASSETS = Path(__file__).resolve().parents[2] / "components/assets"
ICONS = ASSETS / "icons"
BACK, LINE = "#1c2733", "#f7a23b"
SPLASH_BACK = "#10151c"
ARROW = re.search(r"(<path.*)</svg>", (ASSETS / "icon.svg").read_text())
# Phones as iOS counts them: points wide, points high, pixels a point. It takes a picture of exactly this size or none.
PHONES = (
    *((440, 956, 3), (430, 932, 3), (428, 926, 3), (402, 874, 3), (393, 852, 3), (390, 844, 3), (375, 812, 3)),
    *((414, 896, 3), (414, 896, 2), (375, 667, 2)),
)


def arrow(share: float, colour: str = LINE) -> str:
    """The drawing alone, so large within a square of 64."""
    if ARROW is None:
        raise SystemExit("icon.svg has no path")
    shift = 32 * (1 - share)
    return f'<g transform="translate({shift} {shift}) scale({share})">{ARROW[1].replace(LINE, colour)}</g>'


def square(content: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="100%" height="100%">{content}</svg>'


ROUND = square(f'<rect width="64" height="64" rx="15" fill="{BACK}"/>{arrow(1)}')
FULL = square(f'<rect width="64" height="64" fill="{BACK}"/>{arrow(0.86)}')
MASKABLE = square(f'<rect width="64" height="64" fill="{BACK}"/>{arrow(0.72)}')  # its circle of 80 % is never cut off
BADGE = square(arrow(1, "#ffffff"))


def drawn(browser: Browser, svg: str, width: int, height: int, back: str = "transparent") -> Image.Image:
    """The square in the middle; on a tall picture a fifth of its width."""
    side = width if width == height else round(width * 0.24)
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_content(
        f'<body style="margin:0;height:100vh;display:grid;place-items:center;background:{back}">'
        f'<div style="width:{side}px;height:{side}px;line-height:0">{svg}</div></body>'
    )
    picture = page.screenshot(omit_background=True)
    page.close()
    return Image.open(io.BytesIO(picture))


def save(picture: Image.Image, name: str, colours: int = 48) -> None:
    if name == "badge-96.png":  # white, and only its transparency says where
        picture.save(ICONS / name, optimize=True)
    else:
        picture.quantize(colours, method=Image.Quantize.FASTOCTREE).save(ICONS / name, optimize=True)


def main() -> None:
    ICONS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for side in (192, 512):
            save(drawn(browser, ROUND, side, side), f"icon-{side}.png")
        save(drawn(browser, MASKABLE, 512, 512), "maskable-512.png")
        save(drawn(browser, FULL, 180, 180), "apple-touch-180.png")
        save(drawn(browser, BADGE, 96, 96), "badge-96.png")
        drawn(browser, ROUND, 64, 64).save(ICONS / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])
        for width, height, scale in PHONES:
            picture = drawn(browser, ROUND, width * scale, height * scale, SPLASH_BACK)
            save(picture, f"splash-{width}x{height}@{scale}.png", colours=16)
        browser.close()


if __name__ == "__main__":
    main()
