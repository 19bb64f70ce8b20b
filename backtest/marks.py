"""Where the engine would do something next, as things stand: what `backtest.search` looks out for."""

from collections.abc import Sequence
from decimal import Decimal

from app.core import life, risk
from app.core.alerts import AlertEvent
from app.core.model import Instrument, LatchKind, Position
from app.core.money import ZERO
from app.core.portfolio import midnight
from app.core.rules import Rules
from app.core.state import State, held
from backtest import search
from backtest.search import NEVER, Levels
from backtest.series import ms_of

NOWHERE = float("inf")


class Marks:
    """Of a run under `rules`, which do not change in it."""

    def __init__(self, rules: Rules, instrument: Instrument) -> None:
        self._rules, self._limits = rules, rules.risk
        self._left_pct = 100 - instrument.taker_fee_pct
        self._fixed = search.NOTHING._replace(
            kept=1 - float(instrument.taker_fee_pct) / 100,
            size_pct=float(rules.risk.position_size_pct),
            exposure_pct=float(rules.risk.max_exposure_pct),
            least=float(risk.NOTIONAL_MARGIN * instrument.min_notional),
            step=float(instrument.quantity_step or 0),
        )

    def levels(self, state: State, *, trading: bool) -> Levels:
        positions = list(state.positions.values())
        rise_to, high = self._rising(positions)
        return self._fixed._replace(
            stop=max((float(position.stop_price or 0) for position in positions), default=0.0),
            fall_to=self.falling(state, trading=trading),
            rise_to=rise_to,
            high=high,
            trading=trading,
            sells=bool(positions),
            buys=self.buys(state),
            used_ms=ms_of(state.entry_candle_at) if state.entry_candle_at else NEVER,
            rested_ms=self._rested_ms(state),
            cash=float(state.account.cash) if state.account else 0.0,
            held=float(held(state)),
        )

    def buys(self, state: State) -> bool:
        """Whether an entry might be approved before anything else changes."""
        most = self._limits.entry.max_entries_per_day
        used_up = most is not None and state.account is not None and state.account.day_entries >= most
        return len(state.positions) < self._limits.max_open_positions and not used_up

    def _rested_ms(self, state: State) -> int:
        """The opening time of the first candle after the rest that follows an exit."""
        exit_at, rest = state.exit_at, self._limits.entry.cooldown_candles
        if exit_at is None or rest is None:
            return NEVER
        length = self._rules.voting.timeframe_seconds * 1000
        day = ms_of(midnight(exit_at))
        return day + ((ms_of(exit_at) - day) // length + rest + 1) * length

    def _rising(self, positions: Sequence[Position]) -> tuple[float, float]:
        """(a close from which some stop may be moved up, and the high that it must pass as well)."""
        trailing = self._limits.trailing
        movable = [position for position in positions if position.attempts < life.TRAIL_UNTIL]
        if trailing is None or not movable:
            return NOWHERE, NOWHERE
        activate = 1 + float(trailing.activate_pct) / 100
        step = (1 + float(trailing.min_step_pct) / 100) / (1 - float(trailing.distance_pct) / 100)
        levels = [
            max(float(each.entry_price) * activate, float(each.stop_price or 0) * step) * (1 - search.CLOSE)
            for each in movable
        ]
        return min(levels), min(float(position.highest_close) for position in movable)

    def falling(self, state: State, *, trading: bool) -> float:
        """The highest price at which a loss reaches a limit that has not been told of. 0 where nothing is held."""
        account, limits, quantity = state.account, self._limits, held(state)
        if account is None or quantity <= ZERO:
            return 0.0
        values = [self._wire(account.day_notional) if trading else ZERO]
        day, whole = account.units * account.day_nav / 100, account.units / 100
        if limits.daily_loss_limit_pct is not None and LatchKind.DAILY_LOSS not in state.latches:
            values.append(day * (100 - limits.daily_loss_limit_pct))
        if limits.kill_switch_loss_pct is not None and LatchKind.KILL_SWITCH not in state.latches:
            values.append(whole * (100 - limits.kill_switch_loss_pct))
        if AlertEvent.DAILY_LOSS_WARNING not in state.warned:
            values.append(day * (100 - limits.warnings.daily_loss_pct))
        if AlertEvent.TOTAL_LOSS_WARNING not in state.warned:
            values.append(whole * (100 - limits.warnings.total_loss_pct))
        kept = quantity * self._left_pct / 100
        margin = account.cash * Decimal("1e-9")
        return float((max(values) + margin - account.cash) / kept) * (1 + search.CLOSE)

    def _wire(self, day_notional: Decimal) -> Decimal:
        """The equity below which what was bought today is too much of it; votes look at that, too."""
        most = self._limits.tripwires.notional_per_day_pct
        return day_notional / most * 100 if most is not None else ZERO
