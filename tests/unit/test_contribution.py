"""Who earned it: a trade's result is shared by weight × confidence among those who agreed with its entry."""

from dataclasses import replace

from app.core.decisions import Decision
from app.core.voting import hold_vote, shares
from backtest.result import by_strategy
from tests.builders import NOON, a_signal, a_strategy_rule, d, some_rules
from tests.core_stories import a_trade
from tests.fakes_ui import a_decision

RULES = some_rules(
    strategies=[
        a_strategy_rule("deepseek", weight=d(50)),
        a_strategy_rule("technical", weight=d(30)),
        a_strategy_rule("news", weight=d(20)),
    ]
)


def an_entry(**opinions: tuple[str, int]) -> Decision:
    signals = {name: a_signal(action, sure, strategy=name) for name, (action, sure) in opinions.items()}
    vote = hold_vote(replace(RULES.voting, buy_threshold=d(1)), signals, NOON)
    return replace(a_decision(), id="test-d0000001", action=vote.action, vote=vote)


def test_the_heavier_voice_has_the_larger_part_of_the_result() -> None:
    entry = an_entry(deepseek=("BUY", 60), technical=("BUY", 100), news=("HOLD", 90))
    rows = by_strategy([a_trade(profit_loss=d(90)), a_trade(profit_loss=d(-30))], [entry])
    assert rows == {
        "deepseek": {"trades": 2, "contribution": 30.0},
        "technical": {"trades": 2, "contribution": 30.0},
    }
    unequal = by_strategy(
        [a_trade(profit_loss=d(80))], [an_entry(deepseek=("BUY", 60), technical=("BUY", 60), news=("BUY", 0))]
    )
    assert unequal == {
        "deepseek": {"trades": 1, "contribution": 50.0},
        "technical": {"trades": 1, "contribution": 30.0},
    }


def test_who_was_against_it_has_no_part_in_it() -> None:
    entry = an_entry(deepseek=("BUY", 90), technical=("BUY", 80), news=("SELL", 10))
    assert set(shares(entry.vote)) == {"deepseek", "technical"}
    assert sum(shares(entry.vote).values()) == 1


def test_a_trade_whose_entry_is_not_known_is_nobodys() -> None:
    assert by_strategy([a_trade(decision_id="another")], [an_entry(technical=("BUY", 80))]) == {}
    assert shares(an_entry().vote) == {}
