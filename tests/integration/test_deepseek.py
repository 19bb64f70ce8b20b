"""The analyst over real HTTP: what it reads, what it refuses, what it pays, and when it stops asking."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.analyst import Question, Reply, Unanswered
from app.core.errors import StoreError
from app.model_calls import ModelCall, Spent
from app.seam import Clock, Tasks
from services.deepseek import DeepSeek
from tests.loop_lag import Lag
from tests.model_stand_in import GOOD, ModelProcess, ModelStandIn, Saying

KEY = "sk-canary-5f0c1d9e7a"
QUESTION = Question(template="market-1", system="Answer in json.", user="What now?")
PRICES = {
    "flash": {"cached_usd": Decimal("0.006"), "input_usd": Decimal("0.30"), "output_usd": Decimal("1.20")},
    "pro": {"cached_usd": Decimal("0.044"), "input_usd": Decimal("1.32"), "output_usd": Decimal("3.96")},
}


class HandClock(Clock):
    """Real time, moved on by hand; its sleep lasts a hundredth."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.begun = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self.real = time.monotonic()

    def now(self) -> datetime:
        return self.begun + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return time.monotonic() - self.real + self.ahead.total_seconds() + 100_000

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds * 0.99)
        await asyncio.sleep(seconds / 100)

    def later(self, **how_long: float) -> None:
        self.ahead += timedelta(**how_long)


class MemoryBook:
    """app.model_calls.CallBook in a list."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self.broken = False

    def spent(self, month_at: datetime, day_at: datetime) -> Spent:
        if self.broken:
            raise StoreError("the disk is gone")
        usd = sum((call.cost_usd for call in self.calls if call.at >= month_at), Decimal(0))
        return Spent(usd=usd, calls=sum(call.at >= day_at for call in self.calls))

    def begin(self, call: ModelCall) -> int:
        self.calls.append(call)
        return len(self.calls) - 1

    def settle(self, number: int, call: ModelCall) -> None:
        self.calls[number] = call

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


class Asking:
    """An analyst, the server that it asks, and everything around it."""

    def __init__(self, server: ModelStandIn, **changes: Any) -> None:
        self.model, self.clock, self.book = server, HandClock(), MemoryBook()
        self.told: list[str] = []
        given: dict[str, Any] = {
            "key": lambda: KEY,
            "base_url": server.url,
            "model": "flash",
            "budget_usd": Decimal(10),
            "prices": PRICES,
            "book": self.book,
            "tell": self.told.append,
            "clock": self.clock,
            "tasks": Tasks(),
        }
        self.analyst = DeepSeek(**{**given, **changes})

    async def reply(self, *sayings: Saying) -> Reply:
        self.model.say(*sayings)
        return await self.analyst.answer(QUESTION)

    async def opinion(self, *sayings: Saying) -> dict[str, Any]:
        opinion = json.loads((await self.reply(*sayings)).text)
        assert set(opinion) == set(GOOD)
        return dict(opinion)

    async def unanswered(self, *sayings: Saying) -> Unanswered:
        self.model.say(*sayings)
        with pytest.raises(Unanswered) as caught:
            await self.analyst.answer(QUESTION)
        return caught.value


Setting = Callable[..., Awaitable[Asking]]


@pytest.fixture
async def asking() -> AsyncIterator[Setting]:
    opened: list[Asking] = []
    async with ModelStandIn() as model:

        async def begin(**changes: Any) -> Asking:
            opened.append(Asking(model, **changes))
            return opened[-1]

        yield begin
        for each in opened:
            await each.analyst.close()


def written(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


# ---------------------------------------------------------------- what is read


async def test_a_good_answer_becomes_an_opinion_and_is_paid_for(asking: Setting) -> None:
    desk = await asking()
    reply = await desk.reply()
    assert json.loads(reply.text) == GOOD
    assert reply.cost_usd == Decimal("0.0002754")  # 900 × 0.006 + 300 × 0.30 + 150 × 1.20, by the million
    assert reply.prompt == "Answer in json.\n\nWhat now?"
    assert reply.raw == json.dumps(GOOD)
    (sent,) = desk.model.asked
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert (sent["thinking"], sent["response_format"]) == ({"type": "disabled"}, {"type": "json_object"})
    assert (sent["temperature"], sent["stream"]) == (0, False)
    assert desk.model.headers[0]["authorization"] == f"Bearer {KEY}"
    state = desk.analyst.state()
    assert (state.status, state.spent_usd, state.calls_today) == ("ok", reply.cost_usd, 1)
    assert desk.book.outcomes == ["answered"]


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{written()}\n```",
        f"```\n{written()}\n```\n",
        f"Here is my view:\n{written()}\nI hope this helps.",
        f"   \n\n{written()}   ",
        written(signal="buy"),
        written(signal=" Buy "),
        written(size="100%", symbol="DOGE/USD", position_size_pct=100),
    ],
)
async def test_what_can_be_read_safely_is_read(asking: Setting, content: str) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(content=content)) == GOOD
    assert len(desk.model.asked) == 1


BAD = {
    "empty": "",
    "blank": " " * 400,
    "prose": "I would buy bitcoin here.",
    "refusal": "I'm sorry, but I can't give financial advice.",
    "two objects": written() + written(signal="SELL"),
    "two in a fence": f"```json\n{written()}\n{written()}\n```",
    "one thing twice": '{"signal": "HOLD", ' + written()[1:],
    "no object": '"BUY"',
    "confidence 150": written(confidence=150),
    "confidence -1": written(confidence=-1),
    "confidence NaN": written(confidence=float("nan")),
    "confidence infinite": written().replace("74", "1e999"),
    "confidence as a word": written(confidence="high"),
    "confidence as text": written(confidence="74"),
    "confidence true": written(confidence=True),
    "confidence null": written(confidence=None),
    "a share of one": written(confidence=0.9),
    "a number of many digits": written().replace("74", "9" * 5000),
    "STRONG_BUY": written(signal="STRONG_BUY"),
    "BUY!!!": written(signal="BUY!!!"),
    "a cyrillic В": written(signal="ВUY"),
    "a long s": written(signal="\u017fELL"),
    "another language": written(signal="COMPRAR"),
    "a list as signal": written(signal=["BUY"]),
    "no reasoning": written(reasoning=""),
    "reasoning unseen": written(reasoning="\u202e\u200b"),
    "tool-call syntax": '<tool_call>{"name": "place_order", "arguments": {"side": "BUY"}}</tool_call>',
    "HTML": "<html><script>alert(1)</script></html>",
    "cut off in JSON": written()[:-20],
    "braces": "{" * 15_000,
    "nested": '{"a":' * 3_000,
    "far too long": written(reasoning="x" * 30_000),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
async def test_what_is_ambiguous_is_asked_again_with_a_remark(asking: Setting, content: str) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(content=content)) == GOOD
    first, second = desk.model.asked
    assert second["messages"][0] == first["messages"][0]  # what does not change stays first
    remark = second["messages"][1]["content"].removeprefix(first["messages"][1]["content"]).strip()
    assert remark.startswith("Your last answer could not be used: ")
    assert len(remark) < 200  # and nothing of the answer is in it
    assert desk.book.outcomes == ["unusable", "answered"]


@pytest.mark.parametrize(
    "saying",
    [
        Saying(content=None),
        Saying(content=None, finish_reason="tool_calls", message={"tool_calls": [{"function": {"name": "buy"}}]}),
        Saying(message={"tool_calls": [{"function": {"name": "buy"}}]}),
        Saying(finish_reason="length"),
        Saying(finish_reason="content_filter"),
        Saying(finish_reason="insufficient_system_resource"),
        Saying(body="<html>503 behind a proxy</html>"),
        Saying(body="[]"),
        Saying(body='{"choices": []}'),
        Saying(body='{"choices": [{"message": "BUY"}]}'),
        Saying(body="[" * 100_000),
        Saying(megabytes=10),
        Saying(headers={"Content-Encoding": "x-packed"}),
    ],
)
async def test_an_answer_that_is_none_is_asked_again(asking: Setting, saying: Saying) -> None:
    desk = await asking()
    assert await desk.opinion(saying) == GOOD
    assert desk.book.outcomes == ["unusable", "answered"]


async def test_after_three_unusable_answers_it_is_missing_and_all_are_paid_for(asking: Setting) -> None:
    desk = await asking()
    error = await desk.unanswered(*[Saying(content="no")] * 4)
    assert not error.abstains
    assert str(error) == "the answer holds no JSON object"
    assert (error.raw, error.prompt[:15]) == ("no", "Answer in json.")
    assert desk.book.outcomes == ["unusable"] * 3
    assert desk.analyst.state().spent_usd == 3 * Decimal("0.0002754")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"confidence": 72.456}, {"confidence": 72.46}),
        ({"confidence": 1e2}, {"confidence": 100}),
        ({"confidence": -0.0}, {"confidence": 0}),
        ({"support": "26,500"}, {"support": None}),
        ({"support": -5, "resistance": 1e300}, {"support": None, "resistance": None}),
        ({"regime": "Ranging"}, {"regime": "ranging"}),
        ({"regime": "to the moon"}, {"regime": "unclear"}),
        ({"reasoning": "a\nb\x1b[31m\u202ec\u200bd\x00\ud800e"}, {"reasoning": "a b[31mcde"}),
        ({"reasoning": "w " * 1500}, {"reasoning": ("w " * 1000)[:1999] + "…"}),
    ],
)
async def test_fields_are_brought_into_bounds(asking: Setting, given: dict[str, Any], read: dict[str, Any]) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(content=written(**given))) == {**GOOD, **read}


# ---------------------------------------------------------------- time


async def test_blank_lines_that_keep_the_connection_open_come_before_the_answer(asking: Setting) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(blanks=5)) == GOOD


@pytest.mark.parametrize("saying", [Saying(wait=30), Saying(blanks=300)], ids=["silence", "blank lines for ever"])
async def test_the_deadline_holds_and_what_was_given_up_is_paid_for_at_its_most(
    asking: Setting, saying: Saying
) -> None:
    desk = await asking(seconds=0.5)
    before = time.monotonic()
    error = await desk.unanswered(saying)
    assert time.monotonic() - before < 20, "it would be silent for 30 s"
    assert (str(error), error.abstains) == ("no answer within 0.5 s", False)
    (call,) = desk.book.calls
    assert (call.outcome, call.output_tokens) == ("asked", 700)
    assert call.cost_usd > Decimal("0.0008")  # 700 tokens out alone are 0.00084
    assert desk.analyst.state().spent_usd == call.cost_usd


async def test_a_server_that_is_busy_is_asked_again_a_bit_later(asking: Setting) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(status=429), Saying(status=500), Saying(status=503)) == GOOD
    assert desk.book.outcomes == ["busy", "busy", "busy", "answered"]
    assert [call.cost_usd for call in desk.book.calls[:3]] == [0, 0, 0]


async def test_retry_after_is_honoured_where_it_fits(asking: Setting) -> None:
    desk = await asking()
    before = desk.clock.monotonic()
    assert await desk.opinion(Saying(status=429, headers={"Retry-After": "7"})) == GOOD
    assert 7 <= desk.clock.monotonic() - before < 9


async def test_a_server_that_wants_to_be_left_alone_for_longer_is(asking: Setting) -> None:
    desk = await asking()
    error = await desk.unanswered(Saying(status=429, headers={"Retry-After": "600"}))
    assert (str(error), error.abstains) == ("the server is busy or in trouble (HTTP 429)", False)
    error = await desk.unanswered()
    assert "left alone for another 10 minutes" in str(error)
    assert len(desk.model.asked) == 1
    desk.clock.later(minutes=10)
    assert await desk.opinion() == GOOD


async def test_one_that_stays_busy_is_given_up(asking: Setting) -> None:
    desk = await asking()
    assert not (await desk.unanswered(*[Saying(status=503)] * 9)).abstains
    assert len(desk.model.asked) == 5


async def test_a_connection_that_breaks_off_is_tried_again_and_may_have_cost(asking: Setting) -> None:
    desk = await asking()
    assert await desk.opinion(Saying(cut=True)) == GOOD
    assert desk.book.outcomes == ["failed", "answered"]
    assert desk.book.calls[0].output_tokens == 700


async def test_a_server_that_is_not_there_costs_nothing(asking: Setting) -> None:
    desk = await asking(base_url="http://127.0.0.1:9")
    error = await desk.unanswered()
    assert str(error) == "the server cannot be reached"
    assert desk.analyst.state().spent_usd == 0
    assert desk.analyst.state().status == "failing"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_is_told_once_and_tried_once_an_hour(asking: Setting, status: int) -> None:
    desk = await asking()
    for _ in range(3):
        assert not (await desk.unanswered(Saying(status=status))).abstains
    assert len(desk.model.asked) == 1
    assert len(desk.told) == 1
    assert f"HTTP {status}" in desk.told[0]
    assert desk.analyst.state().status == "refused"
    desk.clock.later(minutes=61)
    desk.model.script.clear()
    await desk.unanswered(Saying(status=status))
    assert (len(desk.model.asked), len(desk.told)) == (2, 1)
    desk.clock.later(minutes=61)
    assert await desk.opinion() == GOOD
    assert desk.analyst.state().status == "ok"


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_question_that_is_not_taken_is_not_asked_again(asking: Setting, status: int) -> None:
    desk = await asking()
    body = json.dumps({"error": {"message": f"Model\u202e Not\n Exist {KEY}"}})
    error = await desk.unanswered(Saying(status=status, body=body))
    assert str(error) == f"the server does not take the question (HTTP {status}): Model? Not Exist ***"
    assert len(desk.model.asked) == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_does_not_know_thinking_is_asked_without_it_from_then_on(
    asking: Setting, status: int
) -> None:
    desk = await asking()
    body = json.dumps({"error": {"message": "Unrecognized request argument: thinking"}})
    assert await desk.opinion(Saying(status=status, body=body)) == GOOD
    assert await desk.opinion() == GOOD
    assert ["thinking" in asked for asked in desk.model.asked] == [True, False, False]
    assert all("response_format" in asked for asked in desk.model.asked)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_no_other_host_hears_the_key(asking: Setting, status: int) -> None:
    desk = await asking()
    async with ModelStandIn() as other:
        error = await desk.unanswered(
            Saying(status=status, headers={"Location": f"{other.url}/chat/completions"}, body="")
        )
        assert "sends us elsewhere" in str(error)
        assert (other.asked, len(desk.model.asked)) == ([], 1)


async def test_without_a_key_nothing_is_asked(asking: Setting) -> None:
    desk = await asking(key=None)
    assert not desk.analyst.configured
    assert (await desk.unanswered()).abstains
    assert desk.model.asked == []


# ---------------------------------------------------------------- money


async def test_nothing_is_asked_that_might_not_fit_into_the_month(asking: Setting) -> None:
    desk = await asking(budget_usd=Decimal("0.002"))
    asked, why = 0, ("", False)
    while asked < 20:
        try:
            await desk.reply()
            asked += 1
        except Unanswered as error:
            why = (str(error), error.abstains)
            break
    assert 0 < asked < 8
    assert why == ("the budget of $0.002 a month is used up until 1 December", True)
    assert desk.analyst.state().spent_usd <= Decimal("0.002")
    assert desk.analyst.state().status == "over_budget"
    desk.clock.later(days=11)
    assert desk.analyst.state().status == "ok"
    assert desk.analyst.state().spent_usd == 0
    assert await desk.opinion() == GOOD


async def test_a_budget_of_nothing_asks_nothing(asking: Setting) -> None:
    desk = await asking(budget_usd=Decimal(0))
    assert desk.analyst.state().status == "over_budget"
    assert (await desk.unanswered()).abstains
    assert desk.model.asked == []


async def test_no_more_than_500_calls_are_made_in_a_day(asking: Setting) -> None:
    desk = await asking(budget_usd=Decimal(1000))
    await desk.reply()
    desk.book.calls *= 500
    error = await desk.unanswered()
    assert error.abstains
    assert "500 calls were made today" in str(error)
    assert desk.analyst.state().status == "over_budget"
    desk.clock.later(days=1)
    assert await desk.opinion() == GOOD


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"prompt_tokens": 1000, "completion_tokens": 100}, "0.00042"),
        (
            {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 500}},
            "0.000273",
        ),
    ],
)
async def test_other_dialects_of_usage_are_understood(asking: Setting, usage: Any, cost: str) -> None:
    assert (await (await asking()).reply(Saying(usage=usage))).cost_usd == Decimal(cost)


@pytest.mark.parametrize("usage", [None, "free", {}, {"prompt_tokens": -5, "completion_tokens": 10**15}, []])
async def test_who_does_not_count_is_counted_at_the_most(asking: Setting, usage: Any) -> None:
    desk = await asking()
    cost = (await desk.reply(Saying(usage=usage))).cost_usd
    sent = len(json.dumps(desk.model.asked[0])) + 100
    assert cost >= (sent * Decimal("0.30") + 700 * Decimal("1.20")) / 1_000_000


async def test_a_model_without_a_price_costs_the_dearest_and_it_is_said_once(
    asking: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await asking(model="other")
    assert (await desk.reply()).cost_usd == Decimal("0.0010296")  # at the price of pro
    await desk.reply()
    assert [record.getMessage() for record in caplog.records if "dearest" in record.getMessage()] == [
        "what other costs is not in deepseek.prices of app.yml: it is counted at the dearest there"
    ]


async def test_what_cannot_be_written_down_is_not_asked(asking: Setting) -> None:
    desk = await asking()
    desk.book.broken = True
    error = await desk.unanswered()
    assert (str(error), error.abstains) == (
        "not asked, since its cost cannot be written down: the disk is gone",
        False,
    )
    assert desk.model.asked == []


# ---------------------------------------------------------------- safe mode


async def test_after_five_failures_it_is_asked_once_in_a_quarter_of_an_hour(asking: Setting) -> None:
    desk = await asking()
    desk.model.always = lambda _: Saying(status=404)
    for number in range(5):
        assert (await desk.unanswered()).abstains == (number == 4)
    assert desk.analyst.state().status == "safe_mode"
    for _ in range(3):
        error = await desk.unanswered()
        assert error.abstains
        assert str(error).startswith("safe mode after 5 failures in a row")
    assert len(desk.model.asked) == 5
    desk.clock.later(minutes=15)
    assert (await desk.unanswered()).abstains
    assert (await desk.unanswered()).abstains
    assert len(desk.model.asked) == 6
    desk.model.always = lambda _: Saying()
    desk.clock.later(minutes=15)
    assert await desk.opinion() == GOOD
    assert desk.analyst.state().status == "ok"
    assert await desk.opinion() == GOOD


# ---------------------------------------------------------------- the key, and the loop


async def test_the_key_is_nowhere(asking: Setting, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "services.deepseek"):
        caplog.set_level(logging.DEBUG, name)
    desk = await asking()
    seen: list[str] = [repr(desk.analyst), repr(vars(desk.analyst))]
    echo = json.dumps({"error": {"message": f"invalid key {KEY}"}, "detail": KEY})
    for saying in (
        Saying(status=400, body=echo),
        Saying(status=401, body=echo),
        Saying(content=f"my key is {KEY}"),
        Saying(body=echo),
        Saying(cut=True),
        Saying(status=500, body=echo),
    ):
        desk.clock.later(hours=2)
        desk.model.script.clear()
        desk.model.always = lambda _, saying=saying: saying
        error = await desk.unanswered()
        seen += [str(error), repr(error), error.raw, error.prompt, repr(error.__cause__), repr(error.__context__)]
    desk.clock.later(hours=2)
    reply = await desk.reply(Saying(content=written(reasoning=f"the key is {KEY}")))
    seen += [repr(reply), *desk.told, repr(desk.analyst.state()), repr(desk.book.calls), caplog.text]
    assert len(caplog.records) > 5
    assert KEY not in "\n".join(seen)


async def test_a_key_that_fits_no_header_is_not_shown_either(asking: Setting) -> None:
    desk = await asking(key=lambda: f"{KEY}\nX: y")
    error = await desk.unanswered()
    assert KEY not in f"{error} {error!r} {error.__cause__!r}"
    assert desk.model.asked == []


async def test_the_loop_is_never_held_up() -> None:
    bad = [Saying(megabytes=10), Saying(content='{"a":' * 3_900), Saying(content="{" * 19_000)]
    with ModelProcess() as process:
        desk = Asking(ModelStandIn(), base_url=process.url)
        await desk.reply()  # libraries load some of their parts at the first use
        async with Lag() as lag:
            for _ in range(3):
                process.say(*bad)
                await desk.unanswered()
        await desk.analyst.close()
        assert desk.book.outcomes == ["answered", *["unusable"] * 9]
    assert lag.held_up < 0.05  # what holds the loop up does so each time


async def test_two_questions_at_once_take_turns(asking: Setting) -> None:
    desk = await asking()
    replies = await asyncio.gather(*(desk.analyst.answer(QUESTION) for _ in range(3)))
    assert [json.loads(reply.text) for reply in replies] == [GOOD] * 3
    assert desk.book.outcomes == ["answered"] * 3
