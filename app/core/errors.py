"""The tree of errors, sorted by cure. Expected answers are values, not exceptions.

TraderError
├── ConfigError           the owner mends a setting or a file; the program does not start
├── DataError             a candle, price or payload is impossible; it is refused at the door
├── InvariantError        a bug: what must always be true is not; stop rather than guess
├── ExchangeError
│   ├── ExchangeUnreachable   no answer or a doubtful one: it may have happened, ask before anything else
│   ├── ExchangeBusy          definitely not done; wait `retry_after_seconds`
│   └── ExchangeRefused       definitely not done, and asking again unchanged will not help
├── StoreError            the database did not take it: drop what is in memory, recover, try again
├── StrategyError         one strategy failed; the others go on
└── NotAuthorized         sign in, or give the second factor
"""


class TraderError(Exception):
    """Everything this program raises on purpose."""


class ConfigError(TraderError):
    """A setting is wrong. The message names the place, the value and the cure in one line."""


class DataError(TraderError):
    """Data from outside is impossible. The message names what and where."""


class InvariantError(TraderError):
    """Something that must always hold does not."""


class ExchangeError(TraderError):
    """The exchange did not simply say yes."""


class ExchangeUnreachable(ExchangeError):
    """The outcome is unknown: the request may or may not have been carried out."""


class ExchangeBusy(ExchangeError):
    """Not carried out; try again after `retry_after_seconds`."""

    def __init__(self, text: str, retry_after_seconds: float) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class ExchangeRefused(ExchangeError):
    """Not carried out, by the exchange's decision. `code` is the exchange's own."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class StoreError(TraderError):
    """The store could not be read or written; what was being written may or may not be there."""


class StrategyError(TraderError):
    """A strategy failed, timed out, or answered something that is no Signal."""


class NotAuthorized(TraderError):
    """The caller may not do this."""


class SecondFactorNeeded(NotAuthorized):
    """Not without a fresh code of the caller's second factor."""
