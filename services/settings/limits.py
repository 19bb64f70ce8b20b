"""risk.yml while the trader runs: what each limit takes, its meaning and default, and changes written into the file."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from app.core.limits import Limit, named
from app.core.money import plain
from app.core.rules import EntryOrder, RiskLimits, VotingRules
from app.faces import LimitKey
from app.seam import Tasks
from app.strategy_files import Unfit
from services.settings.kinds import Choice, Integer, Wrong, shown
from services.settings.saving import put_back, save_rules
from services.settings.schema import RISK, STRATEGIES, TOGETHER, Key

THRESHOLDS = ("buy_threshold", "sell_threshold", "min_participation")
LONGEST = 40


class RiskFile:
    """Implements app.limits_desk.LimitsFile."""

    def __init__(self, config_dir: Path, tasks: Tasks) -> None:
        self._dir, self._tasks = config_dir, tasks
        defaults = named(RiskLimits())
        self._keys = {key.path: key for key in RISK if key.path in defaults}
        self.keys: Sequence[LimitKey] = [face(key, defaults[name]) for name, key in self._keys.items()]

    def read(self, name: str, value: object) -> Limit:
        return read(self._keys, name, value)

    def check(self, limits: RiskLimits) -> None:
        for rule in TOGETHER:
            if cure := rule.broken(limits):
                raise Unfit(f"{rule.path} would be {named(limits)[rule.path]}; {cure}")

    async def save(self, values: Mapping[str, Limit]) -> Callable[[], Awaitable[None]]:
        texts: dict[str, Any] = {
            name: value.value if isinstance(value, EntryOrder) else value for name, value in values.items()
        }
        if None in texts.values():
            raise ConfigError("a limit cannot be switched off while it trades")

        def write() -> Callable[[], None]:
            undo = put_back(self._dir / "risk.yml")
            save_rules(self._dir, {"risk.yml": texts})
            return undo

        undo = await self._tasks.in_thread(write)

        async def take_back() -> None:
            await self._tasks.in_thread(undo)

        return take_back


class Thresholds:
    """What it takes to buy and to sell, in strategies.yml. Implements app.control.Thresholds."""

    def __init__(self) -> None:
        defaults = VotingRules()
        self._keys = {key.path: key for key in STRATEGIES if key.path in THRESHOLDS}
        self.keys: Sequence[LimitKey] = [face(key, getattr(defaults, name)) for name, key in self._keys.items()]

    def read(self, name: str, value: object) -> Decimal:
        found = read(self._keys, name, value)
        if not isinstance(found, Decimal):
            raise Unfit(f"{name}: must be a number")
        return found


def face(key: Key, default: Limit) -> LimitKey:
    low, high = key.kind.bounds or ("", "")
    options = key.kind.options if isinstance(key.kind, Choice) else ()
    whole = isinstance(key.kind, Integer)
    return LimitKey(
        name=key.path, meaning=key.meaning, default=default, low=low, high=high, options=options, whole=whole
    )


def read(keys: Mapping[str, Key], name: str, value: object) -> Limit:
    """Unfit: nothing is called so, or the value cannot be."""
    key = keys.get(name)
    if key is None:
        raise Unfit(f"{name[:60]}: is no limit that can be changed while it trades")
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise Unfit(f"{name}: it must be {key.kind.cure}")
    text = value.strip() if isinstance(value, str) else plain(Decimal(str(value)))
    try:
        found = key.kind.read(text[:LONGEST])
    except Wrong as wrong:
        raise Unfit(f"{name} is {shown(text)}; {wrong}") from None
    if isinstance(found, (Decimal, int)):
        return found
    return EntryOrder(str(found))
