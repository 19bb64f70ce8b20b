"""The account in numbers: units and NAV, so that deposits and withdrawals are neutral to every loss figure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.core import portfolio
from app.core.portfolio import Account
from tests.builders import NOON, d
from tests.core_stories import a_position

MIDNIGHT = datetime(2023, 3, 10, tzinfo=UTC)


def opened(cash: object = 1000) -> Account:
    return portfolio.opened(d(cash), NOON)


def test_a_new_account_is_its_cash() -> None:
    account = opened()
    assert (account.cash, account.units, account.first_equity, account.day_equity) == (1000, 1000, 1000, 1000)
    assert (account.day, account.day_units, account.day_nav, account.dust) == (MIDNIGHT, 1000, 1, 0)
    assert portfolio.nav(account, d(1000)) == 1


def test_an_account_opened_empty_or_in_debt_has_no_units() -> None:
    assert opened(0).units == opened(-5).units == opened(-5).day_units == 0
    assert portfolio.nav(opened(0), d(0)) == 1


def test_days_begin_at_midnight_utc() -> None:
    assert portfolio.midnight(NOON) == MIDNIGHT
    assert portfolio.midnight(MIDNIGHT) == MIDNIGHT
    assert portfolio.midnight(NOON.replace(microsecond=999999, second=59, minute=59)) == MIDNIGHT
    assert portfolio.next_midnight(NOON) == portfolio.next_midnight(MIDNIGHT) == MIDNIGHT + timedelta(days=1)


def test_what_is_ours_is_what_positions_hold_and_dust() -> None:
    account = replace(opened(), dust=d("0.00001"))
    assert portfolio.held(account, [a_position(), a_position(sold_quantity=d("0.1"))]) == d("0.50001")
    assert portfolio.held(account, []) == d("0.00001")


def test_shown_equity_has_no_exit_fee_and_risk_is_stricter() -> None:
    account = opened(100)
    assert portfolio.equity(account, d(2), d(50)) == 200
    assert portfolio.liquidation(account, d(2), d(50), d("0.1")) == d("199.9")


def test_losses_are_percentages_of_what_was_there() -> None:
    account = opened()
    assert portfolio.day_loss_pct(account, d(850)) == 15
    assert portfolio.total_loss_pct(account, d(500)) == 50
    assert portfolio.day_loss_pct(account, d(1100)) == portfolio.total_loss_pct(account, d(1100)) == 0


def test_the_worse_of_marked_and_realised_counts() -> None:
    account = replace(opened(), day_realised=d(-160))
    assert portfolio.day_loss_pct(account, d(1200)) == 16  # an open gain does not hide what was lost
    assert portfolio.day_loss_pct(account, d(800)) == 20
    assert portfolio.day_loss_pct(replace(account, day_realised=d(160)), d(900)) == 10  # nor the reverse


def test_a_day_that_began_with_nothing_has_no_loss() -> None:
    nothing = replace(opened(0), day_nav=d(0), day_equity=d(0), day_realised=d(-5))
    assert portfolio.day_loss_pct(nothing, d(0)) == 0


def test_a_deposit_does_not_hide_a_loss() -> None:
    """1,000 fell to 800; 1,000 more come: still down 20 %, and the kill switch fires where the units are halved."""
    account = portfolio.with_flow(opened(), d(1000), d(800))
    assert account.units == 2250
    assert portfolio.total_loss_pct(account, d(1800)) == portfolio.day_loss_pct(account, d(1800)) == 20
    assert (account.flows, account.day_flows, account.cash) == (1000, 1000, 2000)
    assert portfolio.total_loss_pct(account, d(1125)) == 50


def test_a_withdrawal_is_no_loss() -> None:
    account = portfolio.with_flow(opened(), d(-600), d(1000))
    assert portfolio.total_loss_pct(account, d(400)) == 0
    assert (account.units, account.flows, account.cash) == (400, -600, 400)


def test_an_emptied_account_remembers_what_a_unit_was_worth() -> None:
    fallen = portfolio.with_flow(opened(), d(-800), d(800))  # down 20 %, then all taken out
    assert (fallen.units, fallen.idle_nav) == (0, d("0.8"))
    assert portfolio.nav(fallen, d(0)) == d("0.8")
    assert portfolio.total_loss_pct(fallen, d(0)) == 20
    back = portfolio.with_flow(fallen, d(400), d(0))
    assert (back.units, portfolio.nav(back, d(400))) == (500, d("0.8"))
    assert portfolio.total_loss_pct(back, d(400)) == 20


def test_taking_out_all_but_a_cent_leaves_units() -> None:
    account = portfolio.with_flow(opened(), d("-999.99"), d(1000))
    assert (account.units, account.idle_nav) == (d("0.01"), 1)


def test_an_account_that_is_worth_nothing_gets_no_units_for_a_deposit() -> None:
    broke = replace(opened(), cash=d(-10))
    assert portfolio.with_flow(broke, d(100), d(-10)).units == 0
    assert portfolio.with_flow(broke, d(100), d(0)).units == 0
    assert portfolio.with_flow(broke, d(100), d(-10)).idle_nav == 1


def test_the_new_day_marks_to_the_market_once() -> None:
    account = replace(
        opened(),
        day_realised=d(-5),
        day_flows=d(7),
        day_trades=3,
        day_entries=4,
        day_notional=d(900),
        flows=d(7),
        dust=d("0.1"),
    )
    tomorrow = portfolio.new_day(account, NOON + timedelta(days=1), d(905), d(900))
    assert (tomorrow.day, tomorrow.day_nav) == (MIDNIGHT + timedelta(days=1), d("0.9"))
    assert (tomorrow.day_equity, tomorrow.day_units) == (905, 1000)
    assert (tomorrow.day_realised, tomorrow.day_flows, tomorrow.day_notional) == (0, 0, 0)
    assert (tomorrow.day_trades, tomorrow.day_entries) == (0, 0)
    assert (tomorrow.flows, tomorrow.dust, tomorrow.cash, tomorrow.units) == (7, d("0.1"), 1000, 1000)
    assert portfolio.day_loss_pct(tomorrow, d(900)) == 0
    assert portfolio.total_loss_pct(tomorrow, d(900)) == 10


@pytest.mark.parametrize(("value", "loss"), [("850", "15"), ("850.01", "14.999"), ("849.99", "15.001")])
def test_losses_are_exact_to_the_last_digit(value: str, loss: str) -> None:
    assert portfolio.day_loss_pct(opened(), d(value)) == Decimal(loss)
