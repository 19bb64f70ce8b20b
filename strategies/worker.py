"""The strategy process: JSON lines in, JSON lines out. Started by path, isolated, with an empty environment.

It holds no secret, gives up network and writing before it runs a strategy, and ends when its parent does.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.core.model import MarketData, NewsEvent
    from strategies.runtime import Loaded

MEMORY = 1 << 30  # bytes of address space
CPU_SECONDS = 5  # for one answer
NICE = 5
KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    requests, answers = _take_wire()
    _bound()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads would reserve memory that the limit counts
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from strategies.confined import confine
    from strategies.runtime import HERE  # late: importing pandas takes a second and obeys the limits above

    _load_our_own()
    os.environ.clear()
    confine(("base_strategy", "prompting"))
    desk = Desk(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    _say(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        _more_cpu()
        _say(answers, {"id": request["id"], **desk.answer(request)})


class Desk:
    """Answers requests. Remembers what candles a strategy was shown: only new ones need to come."""

    def __init__(self, directory: Path) -> None:
        from strategies.runtime import Loaded

        self._directory = directory
        self._loaded: dict[str, Loaded] = {}
        self._candles: dict[str, tuple[Any, ...]] = {}
        self._again: Any = None
        self._proof: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        from app.core.errors import TraderError
        from strategies.runtime import blame

        try:
            match request["do"]:
                case "load":
                    return self._load(request)
                case "prove":
                    return self._prove(request)
                case "question":
                    return self._question(request)
                case "readings":
                    data, _ = self._shown(request)
                    return {"readings": self._loaded[request["name"]].readings(data, request["count"])}
                case _:
                    return self._ask(request)
        except TraderError as error:
            return {"error": str(error)}
        except BaseException as error:  # guard: strategy
            return {"error": f"{request['name']}: {blame(error)}"}

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        from dataclasses import asdict

        from strategies.runtime import load

        name = request["name"]

        def again() -> "Loaded":
            return load(name, request["settings"], request["sha256"], self._directory, request["kept"])

        self._loaded[name], self._again = again(), again
        return {"face": asdict(self._loaded[name].face)}

    def _prove(self, request: dict[str, Any]) -> dict[str, Any]:
        """One item of the proof of the strategy that was loaded last."""
        from dataclasses import asdict

        from strategies.proof import Proof, items

        if self._proof is None:
            self._proof = Proof(self._loaded[request["name"]], self._again)
        if not request["item"]:
            return {"items": items()}
        return asdict(self._proof.run(request["item"]))

    def _question(self, request: dict[str, Any]) -> dict[str, Any]:
        from dataclasses import asdict

        data, news = self._shown(request)
        question = self._loaded[request["name"]].question(data, news)
        return {"question": asdict(question) if question else None}

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        data, news = self._shown(request)
        action, confidence, reasoning = self._loaded[request["name"]].ask(data, news, request["answer"])
        return {"answer": [action, str(confidence), reasoning]}

    def _shown(self, request: dict[str, Any]) -> "tuple[MarketData, tuple[NewsEvent, ...]]":
        from app.codec import from_plain
        from app.core.model import MarketData

        candles = self._follow(request["name"], request)
        data = MarketData(
            symbol=request["symbol"],
            timeframe=request["timeframe"],
            at=datetime.fromisoformat(request["at"]),
            price=Decimal(request["price"]),
            candles=candles,
            order_book=from_plain(request["order_book"]),
        )
        return data, tuple(from_plain(request["news"]))

    def _follow(self, name: str, request: dict[str, Any]) -> tuple[Any, ...]:
        from app.core.model import Candle

        keep = request["keep"]
        kept = self._candles.get(name, ())[-keep:] if keep else ()
        new = tuple(
            Candle(
                symbol=request["symbol"],
                opened_at=datetime.fromtimestamp(opened / 1000, UTC),
                seconds=request["seconds"],
                open=Decimal(open_),
                high=Decimal(high),
                low=Decimal(low),
                close=Decimal(close),
                volume=Decimal(volume),
            )
            for opened, open_, high, low, close, volume in request["candles"]
        )
        self._candles[name] = kept + new
        return kept + new


def _load_our_own() -> None:
    """All of our code that is needed from here on: later nothing of it can be imported any more."""
    from importlib import import_module

    for name in ("app.codec", "strategies.proof"):
        import_module(name)


def _take_wire() -> tuple[IO[str], IO[str]]:
    """Keep stdin and stdout to ourselves: what a strategy prints goes to stderr, and it reads nothing."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    return requests, answers


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)


def _more_cpu() -> None:
    """So much and no more for the next answer: past it the process dies, and the parent starts another."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _say(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, separators=(",", ":")) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
