"""What goes wrong on purpose, request by request and the same in each run. A fault waits for a request that matches,
lets `after` of them through, strikes `times` times, and is gone. `acts` says whether the exchange does what was asked
before the answer goes wrong: the difference between "never arrived" and "nobody heard the answer".
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.binance_us_double.asking import Asked
from tests.binance_us_double.refusals import Refused

KINDS = {
    "lost": "the connection is reset instead of an answer",
    "silent": "no answer ever comes, the connection stays",
    "error": "status, code, msg, headers: an error answer of the exchange",
    "html": "status: a page of a gateway in front of the exchange",
    "raw": "status, body, content_type, headers: these bytes",
    "cut": "keep: the true answer cut after so many bytes, complete as HTTP, with status 200",
    "broken": "keep: the true answer cut after so many bytes, then the connection is reset",
    "typed": "content_type: the true answer under a wrong content type",
    "late": "seconds: the true answer, later; with acts=False the request is also done later",
    "drip": "seconds: the true answer byte by byte, so many seconds apart",
    "huge": "size: a body of so many bytes",
    "hold": "waits for `release()`; with acts=True what was asked is done before the waiting",
    "kill": "pid: SIGKILL for that process, and no answer; middle=True sends half the answer first",
    "edit": "change: a function that changes the true body (in-process tests)",
}


@dataclass(eq=False)
class Fault:
    kind: str
    call: str
    acts: bool = False
    times: int | None = 1
    after: int = 0
    where: Mapping[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    struck: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reached = asyncio.Event()  # a request stands at the fault
        self.released = asyncio.Event()

    @property
    def is_spent(self) -> bool:
        return self.times is not None and len(self.struck) >= self.times

    def matches(self, asked: Asked) -> bool:
        """`"POST /api/v3/order"`, `"/api/v3/order"` (any method), `"POST *"`, `"*"`."""
        method, _, path = self.call.rpartition(" ")
        return (
            method in ("", asked.method)
            and path in ("*", asked.path)
            and all(asked.params.get(name) == value for name, value in self.where.items())
        )

    def release(self) -> None:
        self.released.set()

    def refusal(self) -> Refused:
        options = self.options
        return Refused(
            int(options.get("code", -1000)),
            str(options.get("msg", "")),
            status=int(options.get("status", 0)),
            headers=dict(options.get("headers", {})),
        )


class Faults:
    """`add` and the usual ones by name. The oldest that matches strikes."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.struck: list[Fault] = []

    def add(
        self,
        kind: str,
        call: str,
        *,
        acts: bool = False,
        times: int | None = 1,
        after: int = 0,
        where: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Fault:
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        fault = Fault(kind, call, acts, times, after, where or {}, options)
        self.waiting.append(fault)
        return fault

    # ---------------------------------------------------------------- the usual ones

    def lost_before(self, call: str, **more: Any) -> Fault:
        """The request never reached the exchange."""
        return self.add("lost", call, acts=False, **more)

    def lost_after(self, call: str, **more: Any) -> Fault:
        """The exchange did it, and nobody heard the answer."""
        return self.add("lost", call, acts=True, **more)

    def error(self, call: str, code: int, **more: Any) -> Fault:
        return self.add("error", call, code=code, **more)

    def rate_limited(self, call: str = "*", retry_after: int | None = 7, **more: Any) -> Fault:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self.add("error", call, code=-1003, headers=headers, **more)

    def too_many_orders(self, call: str = "POST /api/v3/order", **more: Any) -> Fault:
        """The 429 without Retry-After."""
        return self.add("error", call, code=-1015, **more)

    def no_stop_losses(self, call: str = "POST /api/v3/order", **more: Any) -> Fault:
        return self.error(call, -1013, msg="Stop loss orders are not supported for this symbol.", **more)

    def edit(self, call: str, change: Callable[[Any], Any], **more: Any) -> Fault:
        return self.add("edit", call, acts=True, change=change, **more)

    def hold(self, call: str, **more: Any) -> Fault:
        return self.add("hold", call, **more)

    # ---------------------------------------------------------------- what the server asks

    def strike(self, asked: Asked) -> Fault | None:
        for fault in self.waiting:
            if not fault.matches(asked):
                continue
            if fault.after:
                fault.after -= 1
                return None
            fault.struck.append(asked)
            asked.fault = fault.kind
            self.struck.append(fault)
            if fault.is_spent:
                self.waiting.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        """No more; who waits at a hold goes on."""
        for fault in [*self.waiting, *self.struck]:
            fault.release()
        self.waiting.clear()
