"""The Controls tab in a real Chromium at a phone's width: a weight is moved by a thumb, a limit is typed."""

import re

import pytest

from tests.e2e.test_dashboard_browser import a_phone, needs_chromium, running, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@needs_chromium
async def test_weights_and_limits_are_changed_with_a_thumb() -> None:
    from playwright.async_api import expect

    async with running("controls") as app, a_phone(360) as page:
        await sign_in(page, app)
        await page.get_by_role("tab", name="Controls").click()
        slider = page.get_by_role("slider", name="Weight of technical_indicators").locator("[tabindex]")
        for _ in range(5):
            await slider.press("ArrowRight")
        await expect(page.get_by_text(re.compile("^weight 35 · "))).to_be_visible()
        switch = page.get_by_role("switch", name="deepseek_analyzer votes")
        await switch.click()
        await expect(switch).to_have_attribute("aria-checked", "false")
        await expect(page.get_by_text("BUY: it would buy")).to_be_visible()
        await app.tell("price 65000.10")  # what is not saved outlives what comes from the engine
        await expect(page.locator(".price")).to_have_text("$65,000.10")
        await expect(switch).to_have_attribute("aria-checked", "false")
        await page.get_by_role("button", name="Save …").click()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("Saved: it counts from the next vote on")).to_be_visible()

        await page.locator(".section-limits > summary").click()
        await page.get_by_label("Position size").fill("2,5")
        await expect(page.get_by_text("safer: at once")).to_be_visible()
        await page.get_by_role("button", name="Save …").click()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        orders = await app.tell("orders")
        assert "technical_indicators None 35 None" in orders
        assert "{'position_size_pct': Decimal('2.5')}" in orders
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        for button in await page.locator(".controls button:visible, .controls summary:visible").all():
            assert (await button.bounding_box())["height"] >= 40, await button.inner_text()


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
