"""The Insights tab in a real Chromium: what a person sees, taps and chooses, at a phone's width and on a desk."""

import pytest

from tests.e2e.test_dashboard_browser import a_phone, needs_chromium, running, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CANDLES = ".price-chart svg path"
TIMES = """() => [...document.querySelectorAll(".price-chart svg text")].map((each) => each.textContent)
    .filter((text) => /[:A-Z]/.test(text)).join()"""


@needs_chromium
async def test_a_person_reads_why_nothing_is_bought_looks_at_the_chart_and_asks_what_a_word_means() -> None:
    from playwright.async_api import expect

    async with running("insights") as app, a_phone(360) as page:
        await sign_in(page, app)
        await page.get_by_role("tab", name="Insights").click()
        await expect(page.locator(".why-text")).to_have_text("Score 31.7 of 70: needs 38.3 more.")
        await expect(page.locator(CANDLES).nth(90)).to_be_attached()
        await expect(page.locator(".chart-words")).to_contain_text("candles of 4\u00a0h")
        drawn = await page.locator(".price-chart svg").inner_html()
        assert "NaN" not in drawn
        await page.get_by_role("button", name="1 m", exact=True).click()
        await expect(page.locator(".chart-words")).to_contain_text("candles of 1\u00a0min")
        await expect(page.locator(CANDLES).nth(90)).to_be_attached()

        explanation = page.get_by_text("Relative strength index, 0 to 100")
        await expect(explanation).not_to_be_visible()
        await page.get_by_text("44.2 · neutral, between 40 and 80").click()
        await expect(explanation).to_be_visible()
        await app.tell("price 65000.10")  # nothing that a person has opened closes again
        await expect(page.locator(".price")).to_have_text("$65,000.10")
        await expect(explanation).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        for target in await page.locator(".insights :is(button, summary):visible").all():
            box = await target.bounding_box()
            assert box["height"] >= 40
        link = page.get_by_role("link", name="Fund buys 9,000 bitcoin")
        assert await link.get_attribute("rel") == "noopener noreferrer"
        assert await page.locator(".insights a:not([href^='https://'])").count() == 0


@needs_chromium
async def test_a_drag_moves_the_candles_and_a_newer_picture_leaves_them_there() -> None:
    from playwright.async_api import expect

    async with running("insights") as app, a_phone(1280, 900) as page:
        await sign_in(page, app)
        await page.get_by_role("tab", name="Insights").click()
        await expect(page.locator(CANDLES).nth(90)).to_be_attached()
        before = await page.evaluate(TIMES)
        chart = await page.locator(".price-chart").bounding_box()
        middle = chart["y"] + 100
        await page.mouse.move(chart["x"] + 200, middle)
        await page.mouse.down()
        await page.mouse.move(chart["x"] + 600, middle, steps=5)
        await page.mouse.up()
        await page.wait_for_function(f"before => ({TIMES})() !== before", arg=before)
        moved = await page.evaluate(TIMES)
        await app.tell("later 90")
        await app.tell("price 63432.10")
        await expect(page.locator(".price-chart svg")).to_contain_text("63,432")
        assert await page.evaluate(TIMES) == moved


SAID_IN = """(zone) => {
    const texts = [...document.querySelectorAll(".price-chart svg text")].map((each) => each.textContent);
    const shape = { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const names = options(".price-chart")?.xAxis[0].data ?? [];
    const known = names.map((name) => new Date(Number(name)).toLocaleTimeString("en", shape));
    const times = texts.filter((text) => text.includes(":"));
    return times.length > 0 && times.every((text) => known.includes(text));
}"""


@needs_chromium
async def test_charts_tell_time_as_the_viewers_clock_does_and_in_utc_once_a_time_was_tapped() -> None:
    from playwright.async_api import expect

    async with running("full") as app, a_phone() as first:
        page = await first.context.browser.new_page(timezone_id="Asia/Kolkata", viewport={"width": 390, "height": 844})
        await sign_in(page, app)
        await page.get_by_role("tab", name="Insights").click()
        await page.get_by_role("button", name="1 h", exact=True).click()
        await expect(page.locator(CANDLES).nth(90)).to_be_attached()
        await page.evaluate("""async () => {
            window.chart = (await import("nicegui-echart")).echarts;
            window.options = (place) => chart.getInstanceByDom(document.querySelector(place))?.getOption();
        }""")
        await page.wait_for_function(f"zone => ({SAID_IN})(zone)", arg="Asia/Kolkata")
        await page.locator("time.moment:visible").first.click()
        await page.wait_for_function(f"zone => ({SAID_IN})(zone)", arg="UTC")
        await page.get_by_role("tab", name="History").click()
        await expect(page.locator(".equity-chart :is(canvas, svg)").first).to_be_attached()
        await page.wait_for_function("options('.equity-chart .chart')?.useUTC === true")
        await page.get_by_role("tab", name="Insights").click()
        await page.locator("time.moment:visible").first.click()
        await page.wait_for_function("options('.equity-chart .chart')?.useUTC === false")
