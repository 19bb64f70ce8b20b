"""One request as it came over the wire: its bytes, its parameters, its signature. The log that tests read keeps neither
the key nor the signature.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import parse_qsl

from tests.binance_us_double.clock import ServerClock
from tests.binance_us_double.refusals import Refused, missing

DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
WHOLE = re.compile(r"[0-9]{1,20}")
CLIENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}")
PLACES = 8


@dataclass
class Asked:
    """What tests may see of a request: which, with what, from whom, and what came of it."""

    method: str
    path: str
    params: dict[str, str]
    host: str = ""
    has_key: bool = False
    signed: bool = False
    ms: int = 0
    status: int = 0  # 0: no answer was sent
    code: int = 0
    fault: str = ""

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Log:
    """Every request and every socket that was opened, oldest first."""

    asked: list[Asked] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def of(self, call: str) -> list[Asked]:
        """`"POST /api/v3/order"`, or a path alone for all methods."""
        return [each for each in self.asked if call in (each.call, each.path)]

    def clear(self) -> None:
        self.asked.clear()
        self.sockets.clear()
        self.hosts.clear()


@dataclass
class Wire:
    """The raw request: what is signed is these bytes, not what somebody makes of them."""

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    host: str

    def params(self) -> dict[str, str]:
        """Query before body, as the exchange prefers; twice the same name is an error."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        inside = parse_qsl(self.body, keep_blank_values=True)
        for names in ([name for name, _ in pairs], [name for name, _ in inside]):
            if len(names) != len(set(names)):
                raise Refused(-1101, "Duplicate values for a parameter detected.")
        return dict(inside) | dict(pairs)

    def signed_part(self) -> str:
        """totalParams: the query followed by the body, without the signature itself."""
        return _without_signature(self.query) + _without_signature(self.body)


def _without_signature(encoded: str) -> str:
    return "&".join(part for part in encoded.split("&") if part and not part.startswith("signature="))


def signature_of(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Keys:
    """The one API key, and whether the exchange still honours it."""

    def __init__(self, key: str, secret: str, clock: ServerClock) -> None:
        self.key, self.secret, self._clock = key, secret, clock
        self.revoked = False
        self.may_trade = True

    def check_key(self, given: str | None) -> None:
        if not given or not re.fullmatch(r"[A-Za-z0-9]{8,128}", given):
            raise Refused(-2014)
        if self.revoked or given != self.key:
            raise Refused(-2015)

    def check_time(self, params: Mapping[str, str]) -> None:
        sent, window = params.get("timestamp", ""), params.get("recvWindow", "5000")
        if not WHOLE.fullmatch(sent):
            raise missing("timestamp")
        if not DECIMAL.fullmatch(window):
            raise Refused(-1100, "Illegal characters found in parameter 'recvWindow'; legal range is '^[0-9]{1,20}$'.")
        if Decimal(window) > 60_000:
            raise Refused(-1131, "recvWindow must be less than 60000.")
        now = self._clock.ms()
        if int(sent) >= now + 1000:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - int(sent) > Decimal(window):
            raise Refused(-1021)

    def check_signature(self, given: str | None, payload: str) -> None:
        if not given:
            raise missing("signature")
        if not hmac.compare_digest(signature_of(self.secret, payload), given.lower()):
            raise Refused(-1022)


class Params:
    """The parameters of one request, read with the exchange's own complaints."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def check_known(self, known: frozenset[str]) -> None:
        read = sum(1 for name in self.values if name in known)
        if read != len(self.values):
            raise Refused(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(self.values)}'.",
            )

    def text(self, name: str) -> str:
        if not self.values.get(name):
            raise missing(name)
        return self.values[name]

    def maybe(self, name: str) -> str | None:
        value = self.values.get(name)
        if value == "":
            raise Refused(-1105, f"Parameter '{name}' was empty.")
        return value

    def whole(self, name: str) -> int | None:
        value = self.maybe(name)
        if value is not None and not WHOLE.fullmatch(value):
            raise _illegal(name, "^[0-9]{1,20}$")
        return None if value is None else int(value)

    def decimal(self, name: str) -> Decimal | None:
        value = self.maybe(name)
        if value is None:
            return None
        if not DECIMAL.fullmatch(value):
            raise _illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        if len(value.partition(".")[2].rstrip("0")) > PLACES:
            raise Refused(-1111, "Precision is over the maximum defined for this asset.")
        return Decimal(value)

    def client_id(self, name: str) -> str | None:
        value = self.maybe(name)
        if value is not None and not CLIENT_ID.fullmatch(value):
            raise _illegal(name, "^[a-zA-Z0-9-_]{1,36}$")
        return value

    def limit(self, usual: int, most: int) -> int:
        value = self.whole("limit")
        if value is None:
            return usual
        if not value:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, most)


def _illegal(name: str, legal: str) -> Refused:
    return Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
