"""Asks a language model for one opinion: within 20 seconds, retries included, within the budget, or not at all.

What it writes is believed only in the exact form that was asked for, and is never more than an opinion.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from app.analyst import AnalystState, Question, Reply, Unanswered
from app.core.errors import StoreError
from app.model_calls import CallBook
from app.seam import Clock, Tasks
from services.deepseek.prices import Prices, Tokens, at_most, counted
from services.deepseek.purse import Purse, UsedUp
from services.deepseek.reading import Unusable, read
from services.deepseek.standing import Standing
from services.deepseek.wire import Heard, Lost, Wire, told, waiting

SECONDS = 20.0
MOST_TOKENS = 700  # of an answer; one that was asked for takes about 200
ATTEMPTS = 3  # at an answer that can be used
PAUSES = (1.0, 2.0, 4.0, 8.0)  # before a busy server is asked again, seconds
REFUSALS = {
    401: "refuses the key (HTTP 401): set DEEPSEEK_API_KEY again",
    402: "has no money left for this key (HTTP 402): top up the account",
    403: "does not allow what is asked (HTTP 403): look at the key and its account",
}
BUSY = (429, 500, 502, 503, 504)
OPTIONAL: Mapping[str, object] = {
    "response_format": {"type": "json_object"},
    "thinking": {"type": "disabled"},  # on by default at DeepSeek, slow, and billed as output
}
SPOILED = {  # finish_reason → what is wrong with such an answer
    "length": "the answer was cut off",
    "content_filter": "the answer was withheld",
    "tool_calls": "the answer calls a tool",
    "function_call": "the answer calls a tool",
    "insufficient_system_resource": "the answer was broken off",
}
RAW_KEPT = 20_000  # characters
NOTHING = Tokens(cached=0, input=0, output=0)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Record:
    """What was sent and what came back, so far."""

    prompt: str = ""
    raw: str = ""
    cost: Decimal = Decimal(0)

    def unanswered(self, text: str, *, abstains: bool = False) -> Unanswered:
        return Unanswered(text, abstains=abstains, prompt=self.prompt, raw=self.raw)


class _Again(Exception):
    """Worth another attempt: after `pause` seconds, or at once with a remark about what was wrong."""

    def __init__(self, text: str, *, pause: float | None = None) -> None:
        super().__init__(text)
        self.pause = pause


class _Failed(Exception):
    """Not worth another attempt."""


class _Refused(Exception):
    """A person must look."""


class DeepSeek:
    """Implements `app.ports.Analyst`."""

    def __init__(
        self,
        *,
        key: Callable[[], str] | None,
        base_url: str,
        model: str,
        budget_usd: Decimal,
        prices: Mapping[str, Mapping[str, Decimal]],
        book: CallBook,
        tell: Callable[[str], None],
        clock: Clock,
        tasks: Tasks,
        seconds: float = SECONDS,
    ) -> None:
        """`key` reveals the key, None: not configured. `tell` is called once when the key or the balance is refused."""
        table = Prices(prices, model)
        self._wire = Wire(base_url, key, seconds) if key else None
        self._model, self._tell, self._clock, self._seconds = model, tell, clock, seconds
        self._purse = Purse(book, table, budget_usd, clock=clock, tasks=tasks)
        self._standing = Standing(clock)
        self._optional = dict(OPTIONAL)
        self._turn = asyncio.Lock()
        if key and not table.known:
            log.warning("what %s costs is not in deepseek.prices of app.yml: it is counted at the dearest there", model)

    @property
    def configured(self) -> bool:
        return self._wire is not None

    async def open(self) -> None:
        """Learn what was spent before this start, so that `state` can say it. A book that cannot be read is no
        reason to stop: it is asked again before each call."""
        try:
            await self._purse.look()
        except StoreError as error:
            log.warning("what was spent on %s is not known yet: %s", self._model, error)

    async def close(self) -> None:
        if self._wire:
            await self._wire.close()

    def state(self) -> AnalystState:
        spent, standing, used_up = self._purse.spent, self._standing, self._purse.used_up
        over = bool(used_up) and standing.status != "refused"
        return AnalystState(
            name=self._model,
            status="over_budget" if over else standing.status,
            error=used_up if over else standing.error,
            spent_usd=spent.usd,
            budget_usd=self._purse.budget_usd,
            calls_today=spent.calls,
        )

    async def answer(self, question: Question) -> Reply:
        """Raises Unanswered and nothing else. One question at a time: two cannot spend the same dollar."""
        if self._wire is None:
            raise Unanswered("DEEPSEEK_API_KEY is not set", abstains=True)
        record = _Record()
        try:
            async with asyncio.timeout(self._seconds), self._turn:
                text = await self._asked(self._wire, question, record)
        except TimeoutError:
            raise self._failed(f"no answer within {self._seconds:g} s", record) from None
        except UsedUp as error:
            raise record.unanswered(str(error), abstains=True) from None
        except StoreError as error:
            raise self._failed(f"not asked, since its cost cannot be written down: {error}", record) from None
        except _Failed as error:
            raise self._failed(str(error), record) from None
        except _Refused as error:
            raise self._refused(f"{self._model} {error}", record) from None
        self._standing.answered()
        return Reply(text=text, model=self._model, prompt=record.prompt, raw=record.raw, cost_usd=record.cost)

    def _failed(self, text: str, record: _Record) -> Unanswered:
        if self._standing.failed(text):
            log.warning("%s goes to safe mode, and has no opinion until it answers: %s", self._model, text)
        return record.unanswered(text, abstains=self._standing.safe_mode)

    def _refused(self, text: str, record: _Record) -> Unanswered:
        if self._standing.refuse(text):
            log.warning("%s", text)
            self._tell(text)
        return record.unanswered(text)

    # ---------------------------------------------------------------- one question, several attempts

    async def _asked(self, wire: Wire, question: Question, record: _Record) -> str:
        if rest := self._standing.rest():
            raise record.unanswered(rest.text, abstains=rest.abstains)
        until = self._clock.monotonic() + self._seconds
        pauses, attempts, asked = iter(PAUSES), ATTEMPTS, question
        while True:
            try:
                return await self._attempt(wire, asked, record)
            except _Again as again:
                pause = 0.0
                if again.pause is None:  # it was answered, but not well
                    attempts -= 1
                    asked = replace(question, user=f"{question.user}\n\n{_remark(str(again))}")
                else:
                    pause = max(again.pause, next(pauses, self._seconds))
                if not attempts or self._clock.monotonic() + pause >= until:
                    raise _Failed(str(again)) from None
                await self._clock.sleep(pause)

    async def _attempt(self, wire: Wire, question: Question, record: _Record) -> str:
        """One call. It is paid for whatever becomes of it; one that is given up stays written down at its most."""
        content = self._content(question)
        record.prompt, record.raw = f"{question.system}\n\n{question.user}", ""
        most = at_most(content, MOST_TOKENS)
        taken = await self._purse.take(self._model, question.template, most)
        try:
            heard = await wire.post(content)
        except Lost as error:
            record.cost += await self._purse.settle(taken, most if error.sent else NOTHING, "failed")
            raise _Again(str(error), pause=0.0) from None
        if heard.status != 200:
            record.cost += await self._purse.settle(taken, NOTHING, "busy" if heard.status in BUSY else "refused")
            raise self._not_answered(heard)
        record.raw = heard.text[:RAW_KEPT]
        tokens = counted(heard.body, most)
        try:
            text = read(_content_of(heard, record))
        except Unusable as error:
            record.cost += await self._purse.settle(taken, tokens, "unusable")
            raise _Again(str(error)) from None
        record.cost += await self._purse.settle(taken, tokens, "answered")
        return text

    def _content(self, question: Question) -> str:
        """What does not change comes first: the server remembers it, and asks less for it."""
        messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}]
        asked = {"model": self._model, "messages": messages, "temperature": 0, "max_tokens": MOST_TOKENS}
        return json.dumps({**asked, "stream": False, **self._optional})

    def _not_answered(self, heard: Heard) -> Exception:
        """What an error of the server means."""
        if heard.status in REFUSALS:
            return _Refused(REFUSALS[heard.status])
        if heard.status in BUSY:
            pause = waiting(heard, self._clock.now()) or 0.0
            if pause >= self._seconds:
                self._standing.be_quiet(pause)
            return _Again(f"the server is busy or in trouble (HTTP {heard.status})", pause=pause)
        if heard.status in (400, 422):
            for name in self._optional:
                if name in heard.text:  # a server that does not know it; it is not told again
                    log.info("%s is asked without %s, which its server does not know", self._model, name)
                    del self._optional[name]
                    return _Again(f"the server does not know {name}", pause=0.0)
        if 300 <= heard.status < 400:
            return _Failed(f"the server sends us elsewhere (HTTP {heard.status}): correct DEEPSEEK_BASE_URL")
        said = told(heard)
        return _Failed(f"the server does not take the question (HTTP {heard.status}){f': {said}' if said else ''}")


def _remark(why: str) -> str:
    """The same question would get the same answer: say what was wrong with it, in words of our own."""
    return f"Your last answer could not be used: {why}. Answer again, with one JSON object in the form shown above."


def _content_of(heard: Heard, record: _Record) -> object:
    """What the model wrote. Raises Unusable."""
    choices = heard.body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Unusable("the server's answer holds no answer of a model, or several")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise Unusable("the server's answer holds no message")
    content, reason = message.get("content"), choices[0].get("finish_reason")
    if isinstance(content, str):
        record.raw = content[:RAW_KEPT]
    if isinstance(reason, str) and reason in SPOILED:
        raise Unusable(SPOILED[reason])
    if message.get("tool_calls") or message.get("function_call"):
        raise Unusable("the answer calls a tool")
    return content
