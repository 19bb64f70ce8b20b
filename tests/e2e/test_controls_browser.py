"""The Controls tab in a real Chromium on a wide screen; what a thumb does there is in test_every_tab.py."""

import pytest

from tests.e2e.test_dashboard_browser import a_phone, needs_chromium, running, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@needs_chromium
async def test_a_wide_screen_shows_the_health_beside_and_leaves_it_shut_once_shut() -> None:
    from playwright.async_api import expect

    async with running("full") as app, a_phone(1280, 800) as page:
        await sign_in(page, app)
        await page.get_by_role("tab", name="Controls").click()
        await expect(page.get_by_text("21.4 of 38.0 GB free (56 %)")).to_be_visible()
        await page.locator(".section-health > summary").click()
        await expect(page.get_by_text("21.4 of 38.0 GB free (56 %)")).not_to_be_visible()
        await page.get_by_role("tab", name="History").click()
        await page.get_by_role("tab", name="Controls").click()
        await expect(page.locator(".section-health")).to_be_visible()
        await expect(page.locator(".section-health")).not_to_have_attribute("open", "")
