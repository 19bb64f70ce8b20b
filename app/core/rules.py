"""The numbers that steer trading, typed: what `config/risk.yml` and `config/strategies.yml` say.

None switches a limit off, which only a backtest's own configuration may do.
"""

from dataclasses import field
from decimal import Decimal
from enum import StrEnum

from app.core.model import timeframe_seconds
from app.core.values import value


class EntryOrder(StrEnum):
    LIMIT_IOC = "limit_ioc"
    MARKET = "market"


@value
class Trailing:
    """In per cent: activates this far in profit, stays this far below the highest close, moves in such steps."""

    activate_pct: Decimal = Decimal(3)
    distance_pct: Decimal = Decimal(3)
    min_step_pct: Decimal = Decimal("0.25")


@value
class EntryRules:
    order: EntryOrder = EntryOrder.LIMIT_IOC
    max_slippage_pct: Decimal = Decimal("0.3")
    cooldown_candles: int | None = 1
    max_entries_per_day: int | None = 10
    max_spread_pct: Decimal | None = Decimal("0.5")
    max_basis_pct: Decimal | None = Decimal(1)
    min_depth_pct: Decimal | None = Decimal(100)  # of the order, on offer within max_slippage_pct on both sides


@value
class Warnings:
    daily_loss_pct: Decimal = Decimal(2)
    total_loss_pct: Decimal = Decimal(10)


@value
class Tripwires:
    """Bug-catchers: far tighter than the loss limits, each latches RUNAWAY until a person looks."""

    orders_per_minute: int | None = 10
    orders_per_hour: int | None = 60
    notional_per_day_pct: Decimal | None = Decimal(200)  # of equity
    trade_loss_pct: Decimal | None = Decimal(1)  # of equity, one trade
    stop_outs_in_a_row: int | None = 5
    rejects_in_10_minutes: int | None = 3


@value
class RiskLimits:
    position_size_pct: Decimal = Decimal(5)
    max_open_positions: int = 4
    max_exposure_pct: Decimal = Decimal(20)
    daily_loss_limit_pct: Decimal | None = Decimal(15)
    kill_switch_loss_pct: Decimal | None = Decimal(50)
    stop_loss_pct: Decimal = Decimal(5)
    stop_limit_gap_pct: Decimal = Decimal(2)
    trailing: Trailing | None = field(default_factory=Trailing)
    entry: EntryRules = field(default_factory=EntryRules)
    warnings: Warnings = field(default_factory=Warnings)
    tripwires: Tripwires = field(default_factory=Tripwires)


class Asking(StrEnum):
    """When a strategy is asked: at each closed candle, or each cycle."""

    CANDLE = "candle"
    CYCLE = "cycle"


@value
class StrategyRule:
    name: str
    enabled: bool
    weight: Decimal
    configured: bool = True
    reads_text: bool = False
    ask: Asking = Asking.CANDLE
    every_seconds: int | None = None
    opinion_ttl_seconds: int | None = None
    sha256: str = ""
    settings: tuple[tuple[str, str], ...] = ()  # (name, JSON value), sorted by name

    @property
    def votes(self) -> bool:
        """Switched on and able to answer."""
        return self.enabled and self.configured


@value
class VotingRules:
    cycle_seconds: int = 60
    timeframe: str = "1h"
    buy_threshold: Decimal = Decimal(70)
    sell_threshold: Decimal = Decimal(70)
    min_participation: Decimal = Decimal(60)
    strategies: tuple[StrategyRule, ...] = ()

    @property
    def timeframe_seconds(self) -> int:
        return timeframe_seconds(self.timeframe)

    def asking_seconds(self, rule: StrategyRule) -> int:
        """How often `rule` is asked, at least."""
        if rule.ask is Asking.CANDLE:
            return max(self.timeframe_seconds, self.cycle_seconds)
        return max(rule.every_seconds or 0, self.cycle_seconds)

    def ttl_seconds(self, rule: StrategyRule) -> int:
        """How long an opinion counts: 1.5 × its asking interval unless set."""
        return rule.opinion_ttl_seconds or self.asking_seconds(rule) * 3 // 2


@value
class Simulation:
    """The pretend exchange's prices. `fee_in` base is what Binance.US does on a buy.

    `decides_at`: the price that a backtest's decision sees, the closed candle's close or the next one's open.
    `stop`: "market" sells at whatever price there is; "limit" is what a market without real stops takes, and what a
    gap can jump: then the watchdog sells.
    """

    fee_pct: Decimal = Decimal("0.1")
    slippage_pct: Decimal = Decimal("0.05")
    fee_in: str = "base"  # or "quote"
    decides_at: str = "close"  # or "open"
    price_tick: Decimal | None = Decimal("0.01")
    quantity_step: Decimal | None = Decimal("0.00001")
    min_notional: Decimal = Decimal(10)
    stop: str = "market"  # or "limit"


@value
class Rules:
    risk: RiskLimits = field(default_factory=RiskLimits)
    voting: VotingRules = field(default_factory=VotingRules)
