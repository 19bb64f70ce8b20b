"""report.html as a person opens it: a file in a real Chromium, on a phone, with no server and no network."""

import re
from pathlib import Path

from backtest import report
from tests.e2e.test_dashboard_browser import a_phone, needs_chromium, pytestmark
from tests.result_folders import a_folder, a_market

__all__ = ["pytestmark"]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)><b>bold</b>"


@needs_chromium
async def test_the_report_draws_searches_and_sorts_and_runs_nothing_that_a_reason_holds(tmp_path: Path) -> None:
    from playwright.async_api import expect

    market = a_market(1440 * 40)
    result = a_folder(tmp_path, market, trades=120, reasons=(HOSTILE, "RSI 28.4: oversold."))
    report.write(tmp_path, market, pdf=False)
    async with a_phone() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
        await page.goto(f"file://{tmp_path}/report.html")
        await expect(page.locator("html")).to_have_attribute("data-drawn", "yes", timeout=30_000)
        assert await page.locator(".js-plotly-plot").count() == 4
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await expect(page.locator("#found")).to_have_text("120 of 120")
        await page.fill("#search", "<b>BOLD")
        await expect(page.locator("#found")).to_have_text("60 of 120")
        await page.select_option("#order", label="Largest loss first")
        await expect(page.locator("#rows td.why").first).to_have_text(HOSTILE)
        assert await page.locator("#rows .why b").count() == 0
        await page.fill("#search", "")
        worst = f"−{-result['worst_trade_pct']:.2f}"
        await expect(page.locator("#rows tr").first).to_contain_text(worst)
        shown = await page.locator("#rows tr").count()
        await page.get_by_role("button", name="Show more").click()
        assert (shown, await page.locator("#rows tr").count()) == (20, 120)
        assert await page.evaluate("document.getElementById('price').data.some(t => t.name === 'Stop price')") is False
        await page.get_by_role("button", name="Day", exact=True).click()
        await page.wait_for_function("document.getElementById('price').data.some(t => t.type === 'candlestick')")
        await page.get_by_role("button", name="Earlier").click()
        await page.wait_for_function("document.getElementById('price').data.some(t => t.name === 'Stop price')")
        assert [each for each in asked if not re.match("file:|blob:|data:", each)] == []
