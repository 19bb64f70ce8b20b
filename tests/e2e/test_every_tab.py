"""Every tab as a person uses it: the real trader on the paper exchange, a real Chromium at a phone's width.

One trader and one browser for all of it, so the tests build upon each other in their order: what is sold on the first
tab is found on the second. One process runs them all (`TOGETHER` in tests/conftest.py).
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.axe import barriers
from tests.e2e.test_dashboard_browser import CHROMIUM, QUIET, needs_chromium
from tests.trader_process import TraderProcess, share_compiled, write_market

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    needs_chromium,
]
PATIENCE = 300_000  # milliseconds: what is traded on the past gives way to everything else on the machine
PHONE: Any = {"width": 390, "height": 844}
OWN = "my own four words"
VOTE = (
    "timeframe: 1m\nbuy_threshold: 50\nstrategies:\n"
    "  custom_strategy: {enabled: true, weight: 30, settings: {period: 5}}\n"
    "  technical_indicators: {enabled: true, weight: 5}\n"
)
RISK = "max_open_positions: 1\nentry: {cooldown_candles: 1000}\ntrailing: {activate_pct: 50}\n"


def write_rise(path: Path, minutes: int = 2880, price: float = 20_000.0) -> Path:
    """A market that rises a little each minute: bought at once, never stopped out."""
    lines = ["time,open,high,low,close,volume"]
    for minute in range(minutes):
        day, hour = 1 + minute // 1440, minute // 60 % 24
        opened, price = price, price * 1.0002
        at = f"2023-03-{day:02} {hour:02}:{minute % 60:02}:00"
        lines.append(f"{at},{opened:.2f},{price:.2f},{opened:.2f},{price:.2f},1.5")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def failed_before(request: pytest.FixtureRequest) -> int:
    return request.session.testsfailed


@pytest.fixture(autouse=True)
def one_after_the_other(request: pytest.FixtureRequest, failed_before: int) -> None:
    """Once one has failed, the others would only wait for what does not come."""
    if request.session.testsfailed > failed_before:
        pytest.skip("one before it has failed")


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TraderProcess]:
    """A minute a second, and nobody has chosen a password."""
    folder = tmp_path_factory.mktemp("trader")
    market = write_rise(folder / "market.csv")
    made = TraderProcess(folder, f"replay:{market}", speed="60", settings={"TRADER_ADMIN_PASSWORD": ""})
    (folder / "config/strategies.yml").write_text(VOTE)
    (folder / "config/risk.yml").write_text(RISK)
    share_compiled(folder / "data")
    with made.running():
        yield made


@pytest.fixture(scope="module")
def page(trader: TraderProcess) -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # the machine may be busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport=PHONE, color_scheme="dark")
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        try:
            yield page
        finally:
            browser.close()
    assert wrong == []


def tab(page: Any, name: str) -> Any:
    """Goes there; what it shows."""
    page.get_by_role("tab", name=name).click()
    return page.locator(f".tab-{name.lower()}")


def moves(page: Any) -> None:
    """The price does, by itself."""
    from playwright.sync_api import expect

    price = page.locator(".price")
    expect(price).not_to_have_text(price.inner_text())


# ---------------------------------------------------------------- signing in


def test_the_first_password_lets_in_and_is_changed_before_anything_else(page: Any, trader: TraderProcess) -> None:
    from playwright.sync_api import expect

    output = trader.folder / "output.txt"
    said = trader.until(lambda: re.search(r"sign in as admin with (\S+)", output.read_text()), "the first password")
    page.goto(f"http://127.0.0.1:{trader.port}")
    assert not barriers(page)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(said[1])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    assert not barriers(page)
    page.get_by_label("New password").fill(OWN)
    page.get_by_label("The same again").fill(OWN)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".equity")).to_be_visible()
    expect(page.get_by_text("PAPER", exact=True)).to_be_visible()


# ---------------------------------------------------------------- the tabs


def test_positions_one_is_watched_understood_and_closed(page: Any) -> None:
    from playwright.sync_api import expect

    card = page.locator(".card")
    expect(card).to_have_count(1)
    moves(page)
    expect(card.locator(".stop")).to_have_text(re.compile(r"^Stop \$[\d,.]+, 5\.\d\s% below$"))
    card.locator("summary").click()
    expect(card.get_by_text("above the high of the last 5 candles").first).to_be_visible()
    expect(card.locator("dt", has_text=re.compile("^Stop$")).locator("+ dd")).to_contain_text("on the exchange")
    expect(card.locator(".order-list p")).to_have_count(2)
    moves(page)
    expect(card.get_by_text("Why it was bought")).to_be_visible()  # still: nothing shuts by itself
    assert not barriers(page)

    card.get_by_role("button", name="Close").click()
    question = page.get_by_role("dialog", name="Close this position?")
    expect(question).to_contain_text("at the market price")
    assert not barriers(page)
    question.get_by_role("button", name="Keep it").click()
    expect(question).to_be_hidden()
    expect(card).to_have_count(1)
    card.get_by_role("button", name="Close").click()
    question.get_by_role("button", name="Close position").click()
    expect(card).to_have_count(0)
    expect(page.get_by_role("heading", name="No open position")).to_be_visible()


def test_history_the_trade_its_receipt_held_again_and_the_table(page: Any) -> None:
    from playwright.sync_api import expect

    history = tab(page, "History")
    trade = history.locator(".entry")
    expect(trade).to_have_count(1)
    expect(trade).to_contain_text("closed by hand")
    expect(history.locator(".equity-chart svg")).to_be_visible()
    trade.locator("summary").click()
    assert not barriers(page)
    trade.get_by_role("button", name="Decision to buy").click()
    receipt = page.get_by_role("dialog", name="Decision")
    receipt.get_by_role("button", name="Run again").click()
    expect(receipt.get_by_text("Held again from the record: the same, BUY with a score of")).to_be_visible()
    assert not barriers(page)
    receipt.get_by_role("button", name="Close").click()
    expect(receipt).to_be_hidden()

    with page.expect_download() as download:
        history.get_by_role("link", name="Download CSV").click()
    with open(download.value.path(), newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["exit_reason"], row["side"]) == ("manual", "BUY")
    lost = f"−${-float(row['profit_loss']):,.2f}" if float(row["profit_loss"]) < 0 else f"+${row['profit_loss']}"
    expect(trade.locator(".result")).to_contain_text(lost)


def test_insights_why_it_does_not_buy_and_the_chart(page: Any) -> None:
    from playwright.sync_api import expect

    insights = tab(page, "Insights")
    expect(insights.locator(".why-title")).to_have_text("Would buy, but a rule says no")
    expect(insights.locator(".why-text")).to_contain_text("after an exit")
    candles = insights.locator(".price-chart svg path")
    expect(candles.nth(90)).to_be_attached()
    assert "NaN" not in insights.locator(".price-chart svg").inner_html()
    expect(insights.locator(".vote-sum")).to_contain_text("Score")
    insights.get_by_text("How is this computed?").click()
    expect(insights.get_by_text("Each opinion counts with its weight times its confidence")).to_be_visible()
    assert not barriers(page)


def test_backtest_candles_are_uploaded_traded_looked_at_and_removed(page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    backtest = tab(page, "Backtest")
    backtest.get_by_text("Upload candles").click()
    backtest.get_by_label("File with candles").set_input_files(write_market(tmp_path / "minutes.csv", days=2))
    backtest.get_by_role("button", name="Upload").click()
    expect(backtest.get_by_text("Taken in as BTC/USD:1m")).to_be_visible()
    expect(backtest.get_by_text("2,880 candles from 1 Mar 2023")).to_be_visible()
    assert not barriers(page)
    backtest.get_by_role("button", name="Start").click()
    run = backtest.locator(".entry")
    expect(run).to_contain_text("running")
    expect(run.get_by_role("progressbar")).to_be_visible()
    expect(run).to_contain_text("done", timeout=PATIENCE)

    run.locator("summary").click()
    expect(run.get_by_text("Sharpe ratio", exact=True)).to_be_visible()
    with page.expect_download() as download:
        run.get_by_role("link", name="PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    run.get_by_role("button", name="Show charts").click()
    charts = run.frame_locator("iframe")
    expect(charts.locator("html")).to_have_attribute("data-drawn", "yes")
    assert charts.locator(".js-plotly-plot").count() == 4
    assert not barriers(page)
    run.get_by_role("button", name="Remove it and its files").click()
    expect(run).to_have_count(0)


def test_controls_pause_weight_limit_and_logs(page: Any, trader: TraderProcess) -> None:
    from playwright.sync_api import expect

    controls = tab(page, "Controls")
    trading = controls.get_by_role("region", name="Trading")
    trading.get_by_role("button", name="Pause").click()
    expect(trading.locator(".state")).to_have_text("● Paused")
    trading.get_by_role("button", name="Resume").click()
    expect(trading.locator(".state")).to_have_text("● Trading")

    page.set_viewport_size({"width": 360, "height": 780})
    thumb = controls.get_by_role("slider", name="Weight of technical_indicators").locator("[tabindex]")
    for _ in range(15):
        thumb.press("ArrowRight")
    expect(controls.get_by_text(re.compile("^weight 20 · "))).to_be_visible()
    preview = controls.locator(".preview")
    expect(preview).to_contain_text("As it was")
    expect(preview).to_contain_text("HOLD: it would wait")
    moves(page)
    expect(controls.get_by_text(re.compile("^weight 20 · "))).to_be_visible()  # what is not saved stays
    save(page, controls)
    expect(page.get_by_text("Saved: it counts from the next vote on")).to_be_visible()

    controls.get_by_role("heading", name="Risk").click()
    controls.get_by_label("Position size").fill("2,5")
    expect(controls.get_by_text("safer: at once")).to_be_visible()
    controls.get_by_role("button", name="What if?").click()
    table = controls.locator(".section-limits .what-if-table")
    expect(table.get_by_role("columnheader", name="Your changes")).to_be_visible(timeout=PATIENCE)
    expect(table.get_by_role("row", name="Return")).to_contain_text("%")
    assert not barriers(page)
    save(page, controls)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(controls.locator(".section-limits .section-said")).to_contain_text("size 2.5 %")
    assert "position_size_pct: 2.5" in (trader.folder / "config/risk.yml").read_text()
    assert "weight: 20" in (trader.folder / "config/strategies.yml").read_text()

    controls.get_by_role("heading", name="Logs").click()
    logs = controls.locator(".section-logs")
    expect(logs.locator(".log-row").filter(has_text="asks what the last")).to_be_visible()
    logs.get_by_role("button", name="Errors").click()
    expect(logs.get_by_text("Nothing of this kind was logged.")).to_be_visible()
    logs.get_by_role("button", name="All").click()
    expect(logs.locator(".log-row").first).to_be_visible()
    for name in ("System health", "Administration"):
        controls.get_by_role("heading", name=name).click()
    expect(controls.get_by_text(re.compile("^Version "))).to_be_visible()
    assert not barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for target in controls.locator("button:visible, summary:visible").all():
        assert target.bounding_box()["height"] >= 40, target.inner_text()
    page.set_viewport_size(PHONE)


def save(page: Any, place: Any) -> None:
    place.get_by_role("button", name="Save …").click()
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()


def test_settings_a_key_is_changed_with_care_and_stays_changed(page: Any, trader: TraderProcess) -> None:
    from playwright.sync_api import expect

    page.get_by_label("Menu").click()
    page.get_by_role("link", name="Settings").click()
    settings = page.locator(".settings")
    settings.get_by_label("Search").fill("between votes")
    field = settings.get_by_label("Seconds between votes")
    field.fill("4")
    expect(settings.get_by_text("A whole number from 5 to 3600, please")).to_be_visible()
    expect(settings.get_by_role("button", name="Save …")).to_be_hidden()
    field.fill("120")
    expect(settings.get_by_text("60 → 120 · after the next start")).to_be_visible()
    save(page, settings)
    expect(page.get_by_text("Saved: it counts after the next start")).to_be_visible()
    assert "cycle_seconds: 120" in (trader.folder / "config/strategies.yml").read_text()
    page.reload()
    expect(settings.get_by_role("heading", name="Environment")).to_be_visible()
    for title in settings.locator(".section-head").all():
        title.click()
    expect(field).to_have_value("120")
    expect(settings.get_by_text("saved; it runs with 60 until the next start")).to_be_visible()
    assert not barriers(page)


# ---------------------------------------------------------------- without a mouse


def test_with_the_keyboard_alone_tabs_questions_and_receipts_are_reached_and_left(page: Any) -> None:
    from playwright.sync_api import expect

    press = page.keyboard.press

    def reach(wanted: Any) -> None:
        for _ in range(60):
            if wanted.evaluate("(each) => each === document.activeElement"):
                return
            press("Tab")
        raise AssertionError(f"{wanted} is not reached")

    def left_again(dialog: Any, opener: Any) -> None:
        press("Enter")
        expect(dialog).to_be_visible()
        press("Tab")
        expect(dialog.locator(":focus")).to_have_count(1)
        press("Escape")
        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()

    page.goto(page.url.partition("?")[0])
    page.get_by_role("tab", name="Positions").focus()
    press("ArrowRight")
    expect(page.get_by_role("tab", name="History")).to_be_focused()
    trade = page.locator(".tab-history .entry summary")
    expect(trade).to_be_visible()
    reach(trade)
    press("Enter")
    opener = page.get_by_role("button", name="Decision to buy")
    expect(opener).to_be_visible()
    reach(opener)
    left_again(page.get_by_role("dialog", name="Decision"), opener)

    page.get_by_role("tab", name="Insights").focus()
    press("ArrowRight")
    expect(page.get_by_role("tab", name="Controls")).to_be_focused()
    thumb = page.get_by_role("slider", name="Weight of custom_strategy").locator("[tabindex]")
    expect(thumb).to_be_visible()
    reach(thumb)
    press("ArrowRight")
    saves = page.locator(".section-votes").get_by_role("button", name="Save …")
    expect(saves).to_be_visible()
    reach(saves)
    left_again(page.get_by_role("dialog", name="Change the vote?"), saves)


def test_without_a_connection_it_says_so_and_nothing_is_sent_later(page: Any) -> None:
    """The old figures can be read."""
    from playwright.sync_api import expect

    tab(page, "Positions")
    pause = page.get_by_role("button", name="Pause", exact=True)
    page.context.set_offline(True)
    expect(page.locator(".offline-banner")).to_be_visible()
    expect(page.get_by_text("What you tapped was not sent.")).to_be_hidden()
    pause.click()
    expect(page.get_by_text("What you tapped was not sent.")).to_be_visible()
    assert not barriers(page)
    page.context.set_offline(False)
    expect(page.locator(".offline-banner")).to_be_hidden()
    moves(page)
    expect(pause).to_be_visible()  # it still trades


def test_the_account_its_second_factor_and_the_way_out(page: Any, trader: TraderProcess) -> None:
    from playwright.sync_api import expect

    page.get_by_label("Menu").click()
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert not barriers(page)
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Your password").fill(OWN)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    assert not barriers(page)
    page.get_by_role("button", name="Not now").click()
    page.get_by_role("link", name="Back to the dashboard").click()
    page.get_by_label("Menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto(f"http://127.0.0.1:{trader.port}/?tab=history")
    assert page.url.endswith("/login")
