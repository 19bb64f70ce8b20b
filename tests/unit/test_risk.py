"""The last word on every entry: one test for all that is good, and one for each single thing that is not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.core import risk
from app.core.model import Instrument, OrderBook, OrderType, Quote
from app.core.risk import Activity, Approved, EntryFacts, Refused
from app.core.rules import EntryOrder, EntryRules, RiskLimits, Tripwires
from tests.builders import NOON, a_book, an_instrument, d

LIMITS = RiskLimits()
MARKET = an_instrument()


def facts(**changes: Any) -> EntryFacts:
    """An account of 10,000 with nothing bought, at 50,000, on a live market where everything is good."""
    standard = EntryFacts(
        at=NOON,
        equity=d(10_000),
        cash_free=d(10_000),
        quote=Quote(bid=d(49_990), ask=d(50_000), at=NOON),
        reference_price=d(50_000),
        held_notional=d(0),
        reserved_notional=d(0),
        open_positions=0,
        entries_in_flight=0,
        entries_today=0,
        orders_in_doubt=0,
        candle_used=False,
        candles_since_exit=None,
        contiguous=True,
        blockers=(),
        candle_fed=False,
    )
    found = replace(standard, **changes)
    deep = a_book(found.quote.ask) if found.quote is not None else None
    return replace(found, book=changes.get("book", deep))


def reviewed(limits: RiskLimits = LIMITS, market: Instrument = MARKET, **changes: Any) -> Approved | Refused:
    return risk.review(facts(**changes), limits, market)


def refusal(limits: RiskLimits = LIMITS, market: Instrument = MARKET, **changes: Any) -> tuple[list[str], str]:
    """The names of the checks that failed, and the reason that is told."""
    verdict = reviewed(limits, market, **changes)
    assert isinstance(verdict, Refused)
    return [check.name for check in verdict.checks if not check.passed], verdict.reason


def quoted(bid: str, ask: str) -> Quote:
    return Quote(bid=Decimal(bid), ask=Decimal(ask), at=NOON)


def test_all_good_is_approved_with_every_check_on_record() -> None:
    verdict = reviewed()
    assert isinstance(verdict, Approved)
    assert (verdict.type, verdict.price) == (OrderType.LIMIT, d("50150"))  # ask + 0.3 %
    assert verdict.quantity == d("0.00997")  # floor(500 / 50150)
    assert all(check.passed for check in verdict.checks)
    assert [check.name for check in verdict.checks] == (
        "trading orders_in_doubt entry_in_flight open_positions new_candle cooldown entries_today candles "
        "market price spread basis quantity size balance min_notional exposure depth"
    ).split()
    shown = {check.name: (check.value, check.limit, check.text) for check in verdict.checks}
    assert shown["trading"] == ("open", "open", "trading is open")
    assert shown["cooldown"][:2] == ("none", "> 1")
    assert shown["entries_today"] == ("0", "10", "0 entries today, at most 10")
    assert shown["new_candle"][:2] == ("True", "True")
    assert shown["size"] == ("499.9955", "500", "size 5 % of equity")
    assert shown["balance"][:2] == ("10000", "500")
    assert shown["basis"][:2] == ("0.01", "1")
    assert shown["exposure"] == ("4.999955", "20", "exposure would be 5.0 %, at most 20 %")


# name of the check, what is wrong, the reason as people read it
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("trading", {"blockers": ("paused: manual", "disk")}, "paused: manual; disk"),
    ("orders_in_doubt", {"orders_in_doubt": 1}, "1 order(s) without a certain answer"),
    ("entry_in_flight", {"entries_in_flight": 1}, "an entry is already on its way"),
    ("open_positions", {"open_positions": 4}, "4 of 4 positions are open"),
    ("new_candle", {"candle_used": True}, "this candle already had its entry"),
    ("cooldown", {"candles_since_exit": 1}, "resting 1 candle(s) after an exit"),
    ("entries_today", {"entries_today": 10}, "10 entries today, at most 10"),
    ("candles", {"contiguous": False}, "a candle is missing in what was shown"),
    ("spread", {"quote": quoted("49000", "50000")}, "spread 2.04 %, at most 0.5 %"),
    ("basis", {"reference_price": d(49_000)}, "price is 2.03 % off its reference, at most 1 %"),
    ("basis", {"reference_price": None}, "no reference price to compare with"),
    ("balance", {"cash_free": d("499.99")}, "Insufficient balance: 499.99 free, 500.00 needed"),
    ("exposure", {"held_notional": d("1500.01")}, "exposure would be 20.0 %, at most 20 %"),
    ("exposure", {"reserved_notional": d("1500.01")}, "exposure would be 20.0 %, at most 20 %"),
]


@pytest.mark.parametrize(("name", "fault", "reason"), FAULTS, ids=[f"{name} {fault}" for name, fault, _ in FAULTS])
def test_one_single_fault_refuses_and_says_so(name: str, fault: dict[str, Any], reason: str) -> None:
    assert refusal(**fault) == ([name], reason)


def test_a_market_that_does_not_trade_refuses() -> None:
    assert refusal(market=an_instrument(trading=False)) == (["market"], "BTC/USD is not trading")


def test_several_faults_are_all_kept_and_the_first_is_told() -> None:
    names, reason = refusal(entries_today=10, open_positions=4, contiguous=False)
    assert names == ["open_positions", "entries_today", "candles"]
    assert reason == "4 of 4 positions are open"


@pytest.mark.parametrize(
    "good",
    [
        {"open_positions": 3},
        {"entries_today": 9},
        {"candles_since_exit": 2},
        {"cash_free": d(500)},
        {"held_notional": d("1500.0045")},  # with the entry's 499.9955 exactly 20 %
        {"reference_price": d("49995")},
    ],
)
def test_exactly_at_the_limit_is_still_allowed(good: dict[str, Any]) -> None:
    assert isinstance(reviewed(**good), Approved)


def test_exposure_one_step_over_the_limit_is_refused() -> None:
    assert refusal(held_notional=d("1500.0046"))[0] == ["exposure"]


@pytest.mark.parametrize("parts", range(3, 43))
def test_without_a_grid_the_size_is_cut_at_its_last_digit_and_never_refused_for_it(parts: int) -> None:
    free, equity = replace(MARKET, price_tick=None, quantity_step=None), d(100_000) / parts
    verdict = reviewed(market=free, equity=equity)
    assert isinstance(verdict, Approved)
    assert verdict.quantity * verdict.price <= equity * 5 / 100


def test_the_spread_may_be_exactly_its_limit() -> None:
    wide = RiskLimits(entry=EntryRules(max_spread_pct=d("0.5"), max_basis_pct=None))
    assert isinstance(reviewed(wide, quote=quoted("50000", "50250")), Approved)
    assert refusal(wide, quote=quoted("50000", "50250.01"))[0] == ["spread"]


@pytest.mark.parametrize(("price", "ok"), [("50500", True), ("50500.01", False), ("49500", True), ("49499.99", False)])
def test_the_price_may_be_exactly_one_per_cent_off_its_reference_either_way(price: str, ok: bool) -> None:
    verdict = reviewed(quote=quoted(price, price), reference_price=d(50_000))
    assert isinstance(verdict, Approved) is ok


def test_a_candle_feed_has_no_second_price_to_compare_with() -> None:
    assert isinstance(reviewed(candle_fed=True, reference_price=None), Approved)


def test_enough_must_be_on_offer_near_the_price_to_get_in_and_out_again() -> None:
    """500 dollars at 50,000 plus 0.3 % are 0.00997 bitcoin."""
    asks, bids = ((d(50_000), d("0.005")), (d(50_150), d("0.00497"))), ((d(49_990), d(1)),)
    assert isinstance(reviewed(book=OrderBook(bids=bids, asks=asks, at=NOON)), Approved)
    thin = ((d(50_000), d("0.00996")), (d("50150.01"), d(9)))
    names, reason = refusal(book=OrderBook(bids=bids, asks=thin, at=NOON))
    assert (names, reason) == (
        ["depth"],
        "the order book near the price holds 100 % of the entry, at least 100 % needed",
    )
    assert refusal(book=OrderBook(bids=((d("49839.99"), d(9)),), asks=asks, at=NOON))[0] == ["depth"]
    assert refusal(book=None) == (["depth"], "no order book to look at")
    assert isinstance(reviewed(book=None, candle_fed=True, reference_price=None), Approved)


def test_limits_that_are_switched_off_do_not_refuse() -> None:
    off = RiskLimits(
        entry=EntryRules(
            cooldown_candles=None, max_entries_per_day=None, max_spread_pct=None, max_basis_pct=None, min_depth_pct=None
        )
    )
    verdict = reviewed(
        off, entries_today=999, candles_since_exit=0, quote=quoted("1", "50000"), reference_price=None, book=None
    )
    assert isinstance(verdict, Approved)
    limits = {check.name: check.limit for check in verdict.checks}
    assert (limits["entries_today"], limits["cooldown"]) == ("off", "off")
    assert not {"spread", "basis"} & {check.name for check in verdict.checks}


def test_no_cooldown_still_wants_a_newer_candle() -> None:
    eager = RiskLimits(entry=EntryRules(cooldown_candles=0))
    assert refusal(eager, candles_since_exit=0)[0] == ["cooldown"]
    assert isinstance(reviewed(eager, candles_since_exit=1), Approved)


# ---------------------------------------------------------------- what cannot be known refuses


@pytest.mark.parametrize("equity", [None, "NaN", "Infinity", "-Infinity", "0", "-1"])
def test_an_equity_that_is_not_known_refuses(equity: str | None) -> None:
    names, reason = refusal(equity=None if equity is None else Decimal(equity))
    assert (names, reason) == (["equity"], "equity or price is not known")


@pytest.mark.parametrize(
    "quote",
    [
        None,
        quoted("0", "50000"),
        quoted("-1", "50000"),
        quoted("50001", "50000"),
        quoted("NaN", "50000"),
        quoted("50000", "NaN"),
        quoted("50000", "Infinity"),
        quoted("0", "0"),
        quoted("-2", "-1"),
    ],
)
def test_an_impossible_price_refuses(quote: Quote | None) -> None:
    names, reason = refusal(quote=quote)
    assert names[0] == "price"
    assert reason == ("no price yet" if quote is None else "the price is impossible")


# ---------------------------------------------------------------- size


@pytest.mark.parametrize("equity", ["253", "9999.99", "10000", "10001.37", "1234567.89"])
def test_the_size_is_five_per_cent_at_most_and_less_than_a_step_below_it(equity: str) -> None:
    verdict = reviewed(equity=d(equity), cash_free=d(equity))
    assert isinstance(verdict, Approved)
    cost, budget = verdict.quantity * verdict.price, d(equity) * 5 / 100
    assert budget - d("0.00001") * verdict.price < cost <= budget


def test_the_size_can_be_five_per_cent_exactly() -> None:
    flat = RiskLimits(entry=EntryRules(max_slippage_pct=d(0)))
    verdict = reviewed(flat)
    assert isinstance(verdict, Approved)
    assert verdict.quantity * verdict.price == 500


def test_a_limit_order_caps_the_price_downward_and_a_market_order_upward() -> None:
    odd = quoted("50000.33", "50000.33")
    limit = reviewed(quote=odd)
    market = reviewed(RiskLimits(entry=EntryRules(order=EntryOrder.MARKET)), quote=odd)
    assert isinstance(limit, Approved)
    assert isinstance(market, Approved)
    assert (limit.type, limit.price) == (OrderType.LIMIT, d("50150.33"))  # 50150.33099 floored
    assert (market.type, market.price) == (OrderType.MARKET, d("50150.34"))
    assert limit.quantity == market.quantity == d("0.00997")


def test_an_account_too_small_for_one_step_says_so() -> None:
    names, reason = refusal(equity=d("1"), cash_free=d("1"))
    assert names == ["quantity", "min_notional"]
    assert reason == "the account is too small for one step of quantity"


def test_the_stop_too_must_pass_the_minimum_after_fee_and_step() -> None:
    """At 90,000 and a minimum of $10 the entry alone would pass long before its stop does."""
    at_90k = {"quote": quoted("90000", "90000"), "reference_price": d(90_000)}
    names, reason = refusal(equity=d("252.50"), cash_free=d(300), **at_90k)
    assert (names, reason) == (["min_notional"], "account too small: need about $253")
    assert isinstance(reviewed(equity=d(253), cash_free=d(300), **at_90k), Approved)


def test_the_equity_needed_is_told_in_the_quote_currency() -> None:
    tether = an_instrument(symbol="BTC/USDT", quote="USDT")
    assert "about 231 USDT" in refusal(RiskLimits(), tether, equity=d(100), cash_free=d(100))[1]


def test_the_minimum_is_wanted_with_two_per_cent_to_spare() -> None:
    """A step of one bitcoin cent at $1,020 a coin: 0.01 is worth exactly 1.02 × $10 before the stop is looked at."""
    coarse = an_instrument(quantity_step=d("0.01"), min_notional=d(10), taker_fee_pct=d(0))
    no_stop_loss = RiskLimits(
        stop_loss_pct=d(0), stop_limit_gap_pct=d(0), position_size_pct=d(5), entry=EntryRules(max_slippage_pct=d(0))
    )
    price = {"quote": quoted("1020", "1020"), "reference_price": d(1020), "equity": d(204), "cash_free": d(204)}
    verdict = reviewed(no_stop_loss, coarse, **price)
    assert isinstance(verdict, Approved)
    assert verdict.quantity == d("0.01")
    dearer = replace(coarse, min_notional=d("10.0001"))
    assert refusal(no_stop_loss, dearer, **price)[0] == ["min_notional"]


def test_the_smallest_account_is_close_to_what_the_market_really_takes() -> None:
    for price, expected in ((60_000, 241), (90_000, 253), (120_000, 265)):
        needed = risk.smallest_equity(d(price), LIMITS, MARKET)
        assert abs(needed - expected) < 19
        flat = RiskLimits(entry=EntryRules(max_slippage_pct=d(0)))
        enough = {"quote": quoted(str(price), str(price)), "reference_price": d(price), "cash_free": d(9999)}
        assert isinstance(reviewed(flat, equity=needed, **enough), Approved)
    gridless = an_instrument(quantity_step=None, taker_fee_pct=d(0))
    no_gap = RiskLimits(stop_loss_pct=d(0), stop_limit_gap_pct=d(0))
    assert risk.smallest_equity(d(50_000), no_gap, gridless) == d("204")
    stepped = an_instrument(quantity_step=d("0.0001"), taker_fee_pct=d(0))
    assert risk.smallest_equity(d(50_000), no_gap, stepped) == d("400")  # 0.000204 → two steps, and two to spare


# ---------------------------------------------------------------- loss limits


@pytest.mark.parametrize(
    ("loss", "limit", "fires"),
    [
        ("15", "15", True),
        ("15.000", "15", True),
        ("14.999", "15", False),
        ("15.001", "15", True),
        ("0", "15", False),
        ("-3", "15", False),
        ("49.999999", "50", False),
        ("50", "50", True),
        ("NaN", "15", True),
        ("Infinity", "15", True),
    ],
)
def test_a_loss_limit_is_inclusive_and_fails_closed(loss: str, limit: str, fires: bool) -> None:
    assert risk.reached(Decimal(loss), Decimal(limit)) is fires


def test_a_limit_that_is_off_is_never_reached() -> None:
    assert not risk.reached(d(100), None)
    assert not risk.reached(Decimal("NaN"), None)


# ---------------------------------------------------------------- tripwires


def activity(**changes: Any) -> Activity:
    return replace(Activity(order_times=(), reject_times=(), day_notional=d(0), stop_outs=0, equity=d(1000)), **changes)


def ago(*seconds: float) -> list[Any]:
    return [NOON - timedelta(seconds=each) for each in seconds]


def test_a_quiet_day_trips_nothing() -> None:
    assert risk.tripped(activity(), Tripwires(), NOON) is None


@pytest.mark.parametrize(
    ("calm", "wild", "says"),
    [
        ({"order_times": ago(*[30] * 10)}, {"order_times": ago(*[30] * 11)}, "11 orders within a minute, at most 10"),
        (
            {"order_times": ago(*[600] * 60)},
            {"order_times": ago(*[600] * 61)},
            "61 orders within an hour, at most 60",
        ),
        ({"reject_times": ago(1, 2)}, {"reject_times": ago(1, 2, 599)}, "3 orders rejected within 10 minutes"),
        ({"stop_outs": 4}, {"stop_outs": 5}, "5 positions stopped out in a row"),
        (
            {"day_notional": d(2000)},
            {"day_notional": d("2010")},
            "bought 201 % of equity today, at most 200 %",
        ),
    ],
)
def test_each_tripwire_holds_up_to_its_limit_and_not_beyond(
    calm: dict[str, Any], wild: dict[str, Any], says: str
) -> None:
    assert risk.tripped(activity(**calm), Tripwires(), NOON) is None
    assert risk.tripped(activity(**wild), Tripwires(), NOON) == says


def test_orders_and_rejects_are_forgotten_in_time() -> None:
    assert risk.tripped(activity(order_times=ago(*[60] * 11)), Tripwires(), NOON) is None
    assert risk.tripped(activity(order_times=ago(*[59.9] * 11)), Tripwires(), NOON) is not None
    assert risk.tripped(activity(order_times=ago(*[3600] * 61)), Tripwires(), NOON) is None
    assert risk.tripped(activity(reject_times=ago(600, 600, 600)), Tripwires(), NOON) is None


def test_tripwires_can_be_switched_off_one_by_one() -> None:
    off = Tripwires(
        orders_per_minute=None,
        orders_per_hour=None,
        notional_per_day_pct=None,
        trade_loss_pct=None,
        stop_outs_in_a_row=None,
        rejects_in_10_minutes=None,
    )
    wild = activity(order_times=ago(*[1] * 99), reject_times=ago(1, 2, 3), stop_outs=99, day_notional=d(99_999))
    assert risk.tripped(wild, off, NOON) is None
    assert risk.trade_loss_trips(d(-999), d(1000), off) is None


def test_one_trade_may_lose_one_per_cent_of_equity_and_no_more() -> None:
    wires = Tripwires()
    assert risk.trade_loss_trips(d(-10), d(1000), wires) is None
    assert risk.trade_loss_trips(d("-10.5"), d(1000), wires) == "one trade lost 1.05 % of equity, at most 1 %"
    assert risk.trade_loss_trips(d("-10.0001"), d(1000), wires) is not None
    assert risk.trade_loss_trips(d(50), d(1000), wires) is None
