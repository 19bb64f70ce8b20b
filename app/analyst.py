"""A language model as the app sees it, as a Protocol: what is asked, what comes back, and how it stands.

Implemented in services/deepseek; a fake in tests/fakes.py.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a strategy wants to know of a language model. `template` names the wording and its version.

    `system` comes first and is the same each time; `user` holds what changes, news as delimited data.
    """

    template: str
    system: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's answer. `text` is JSON that holds exactly the fields that were asked for, checked and in bounds.

    `prompt` and `raw` are what was sent and what came back, word for word, for the record; `cost_usd` is the price of
    every attempt together.
    """

    text: str
    model: str
    prompt: str
    raw: str
    cost_usd: Decimal


class Unanswered(Exception):
    """There is no answer, and why, in a sentence for people.

    `abstains`: none was wanted (budget used up, safe mode): the strategy has no opinion. Else it is missing.
    `prompt` and `raw` as in Reply, where anything was sent.
    """

    def __init__(self, text: str, *, abstains: bool = False, prompt: str = "", raw: str = "") -> None:
        super().__init__(text)
        self.abstains, self.prompt, self.raw = abstains, prompt, raw


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystState:
    """What is known of a language model's service.

    `status`: ok, failing, safe_mode (failed again and again: asked rarely, and it abstains), refused (key or balance:
    a person must look), over_budget. Money is this month's, in dollars.
    """

    name: str
    status: str = "ok"
    error: str = ""
    spent_usd: Decimal = Decimal(0)
    budget_usd: Decimal = Decimal(0)
    calls_today: int = 0


class Analyst(Protocol):
    """A language model. It is only ever asked for an opinion."""

    @property
    def configured(self) -> bool: ...

    async def answer(self, question: Question) -> Reply:
        """Within 20 s, retries included. Raises Unanswered and nothing else."""

    def state(self) -> AnalystState: ...
