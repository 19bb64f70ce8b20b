"""Backtests over HTTP: the real application, line, record and child processes; most children are a stand-in."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from app.backtest_figures import figures_of
from app.backtests import RESTARTED, BacktestRuns
from app.core.errors import ConfigError, StoreError
from app.errands import Errand, Errands
from app.ports import Who
from app.seam import Tasks, token
from backtest import data_commands
from services.beside import MAIN
from services.children import Limits, Uploads, backtests_of, process, uploads_of
from services.children.folders import RunFolders, Sources
from services.children.shelf import series_in
from services.database import Database, open_database
from services.database.backtests import Backtests
from services.database.looking_at_past import newest_backtest
from services.settings import Settings, load_settings
from tests import errand_stand_in
from tests.fakes_ui import PASSWORD, Desk
from tests.integration.test_http_api import HOST, an_application, is_problem
from tests.trader_process import RISK, ROOT, STRATEGIES, share_compiled, write_market

STAND_IN = Path(errand_stand_in.__file__)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = Limits(seconds=120, memory_mb=1024, nice=0)  # who tests waits for it
Waiting = Callable[[], Any]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with three days of imported candles, and fresh books."""
    folder = tmp_path_factory.mktemp("shelf")
    market = write_market(folder / "market.csv", days=3)
    data_commands.import_file(market, "BTC/USD", "1m", folder / "data", NOW)
    open_database(f"sqlite:///{folder}/data/trader.db").close()
    return folder / "data"


@dataclass
class Laboratory:
    """A signed-in program, and the trader's part behind it: on disk, in the database, and in children."""

    folder: Path
    database: Database
    program: Path = STAND_IN
    limits: Limits = SMALL
    desk: Desk = field(default_factory=Desk)
    strategies: Path = ROOT / "strategies"

    def __post_init__(self) -> None:
        self.settings: Settings = load_settings(
            {
                "TRADER_DATA_DIR": str(self.folder / "data"),
                "TRADER_CONFIG_DIR": str(self.folder / "config"),
                "TRADER_UPLOAD_MB": "1",
                "TRADER_BACKTESTS_KEPT": "3",
            },
            None,
        )
        self.record = Backtests(self.database)
        self.runs = self.fresh_runs()

    def fresh_runs(self) -> BacktestRuns:
        """As after a start of the trader."""
        self.desk.tasks = Tasks()
        return backtests_of(
            self.settings,
            self.database,
            approved=self.approved,
            kept=self.kept,
            audit=self.desk.audit,
            new_id=lambda: token(9),
            clock=self.desk.clock,
            tasks=self.desk.tasks,
            limits=self.limits,
            program=self.program,
        )

    def uploads(self) -> Uploads:
        return uploads_of(
            self.settings, audit=self.desk.audit, new_id=lambda: token(9), tasks=self.desk.tasks, limits=SMALL
        )

    def approved(self) -> Mapping[str, str]:
        shipped = ("custom_strategy", "technical_indicators", "deepseek_analyzer", "news_analyzer")
        return {name: hashlib.sha256((self.strategies / f"{name}.py").read_bytes()).hexdigest() for name in shipped}

    def kept(self, sha256: str) -> Path:
        name = next(name for name, version in self.approved().items() if version == sha256)
        return self.strategies / f"{name}.py"

    def behave(self, how: str) -> None:
        (self.folder / "data/behaviour").write_text(how)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Laboratory"]:
        await self.desk.auth.start("admin", PASSWORD)
        doors = self.desk.doors(backtests=self.runs, data=self.uploads(), upload_bytes=self.settings.upload_mb << 20)
        transport = httpx.ASGITransport(an_application(self.desk, doors))
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as self.client:
            answer = await self.client.post("/api/v1/token", json={"username": "admin", "password": PASSWORD})
            self.client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
            await self.runs.open()
            try:
                yield self
            finally:
                await self.desk.tasks.stop()

    async def get(self, path: str = "") -> Any:
        return (await self.client.get(f"/api/v1/backtests{path}")).json()

    async def start(self, **body: Any) -> httpx.Response:
        return await self.client.post("/api/v1/backtests", json={"data": "BTC/USD", **body})

    async def until(self, id: str, status: str, seconds: float = 120) -> Any:
        async with asyncio.timeout(seconds):
            while (row := await self.get(f"/{id}"))["status"] != status:
                assert row["status"] in ("queued", "running"), row
                await asyncio.sleep(0.02)
        return row


@pytest.fixture
def laboratory(tmp_path: Path, shelf: Path) -> Iterator[Laboratory]:
    copytree(shelf, tmp_path / "data")
    share_compiled(tmp_path / "data")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/strategies.yml").write_text(STRATEGIES)
    (tmp_path / "config/risk.yml").write_text(RISK)
    database = open_database(f"sqlite:///{tmp_path}/data/trader.db")
    made = Laboratory(tmp_path, database)
    made.behave("quick")
    yield made
    database.close()


def children() -> list[int]:
    """Processes that this one has started, of those that live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(stat.parent.name))
    return found


# ---------------------------------------------------------------- from asking to files


async def test_a_search_and_a_look_at_neighbours_are_errands_like_a_backtest(laboratory: Laboratory) -> None:
    laboratory.program = MAIN
    laboratory.runs = laboratory.fresh_runs()
    async with laboratory.open():
        vary = ["buy_threshold=60,70"]
        look = await laboratory.start(kind="sensitivity", vary=vary)
        assert look.status_code == 202, look.text
        row = await laboratory.until(look.json()["id"], "done")
        assert (row["kind"], row["vary"], len(row["result"]["rows"])) == ("sensitivity", vary, 2)
        assert {file["name"] for file in row["files"]} == {"sensitivity.json", "sensitivity.html"}
        for wrong, word in (
            ({"kind": "magic"}, "kind"),
            ({"kind": "optimize", "trials": 0}, "trials"),
            ({"kind": "optimize", "walk_forward": "a year"}, "walk_forward"),
        ):
            assert is_problem(await laboratory.start(**wrong), 422, word), wrong
    with laboratory.database.reading() as connection:
        assert newest_backtest(connection) is None, "only a plain backtest is one on record"


async def test_single_settings_are_changed_for_one_backtest_alone(laboratory: Laboratory) -> None:
    async with laboratory.open():
        own = (laboratory.folder / "config/strategies.yml").read_text()
        changes = {"buy_threshold": 55, "risk.stop_loss_pct": 2.5, "risk.entry.cooldown_candles": 0}
        answer = await laboratory.start(changes=changes)
        assert answer.status_code == 202, answer.text
        assert answer.json()["changes"] == {**changes, "risk.stop_loss_pct": "2.5"}
        given = laboratory.runs._folders._root / answer.json()["id"] / "given"  # type: ignore[attr-defined]
        assert "buy_threshold: 55" in (given / "strategies.yml").read_text()
        assert "stop_loss_pct: 2.5" in (given / "risk.yml").read_text()
        assert (laboratory.folder / "config/strategies.yml").read_text() == own
        for wrong, *words in (
            ({"buy_threshold": 500}, "config.strategies", "buy_threshold"),
            ({"nonsense": 1}, "config.strategies", "nonsense"),
            ({"../risk": 1}, "changes:", "the name of no setting"),
            ({"risk.stop_loss_pct": 90}, "config.risk", "stop_loss_pct"),
        ):
            assert is_problem(await laboratory.start(changes=wrong), 422, *words), wrong
        await laboratory.until(answer.json()["id"], "done")


async def test_a_backtest_is_asked_for_looked_at_and_its_files_are_taken(laboratory: Laboratory) -> None:
    async with laboratory.open():
        answer = await laboratory.start(since="2023-03-02", until="2023-03-03T00:00:00Z", cash="2500.50")
        assert answer.status_code == 202, answer.text
        row = answer.json()
        assert answer.headers["location"] == f"/api/v1/backtests/{row['id']}"
        assert set(row) == {
            *("id", "status", "progress_pct", "created_at", "finished_at", "data", "since", "until"),
            *("initial_cash", "kind", "vary", "changes", "error", "result", "files"),
        }
        assert row["status"] in ("queued", "running")
        assert (row["data"], row["progress_pct"], row["files"], row["result"]) == ("BTC/USD:1m", 0, [], None)
        done = await laboratory.until(row["id"], "done")
        assert (done["progress_pct"], done["initial_cash"], done["error"]) == (100, "2500.5", None)
        assert (done["since"], done["until"]) == ("2023-03-02T00:00:00.000Z", "2023-03-03T00:00:00.000Z")
        options = done["result"]["options"]
        assert (options["data"], options["since"], options["until"]) == ("BTC/USD:1m", "2023-03-02", "2023-03-03")
        assert [each["name"] for each in done["files"]] == ["result.json", "trades.csv", "report.html"]
        listed = await laboratory.get()
        assert listed == {"items": [{**done, "result": figures_of(done["result"])}], "total": 1}
        table = await laboratory.client.get(done["files"][1]["url"])
        assert table.headers["content-type"].startswith("text/csv")
        assert "attachment" in table.headers["content-disposition"]
        assert [line["action"] for line in laboratory.desk.audit.lines if "backtest" in line["action"]] == ["backtest"]


async def test_a_report_is_shut_off_from_the_session_of_its_reader(laboratory: Laboratory) -> None:
    async with laboratory.open():
        row = await laboratory.until((await laboratory.start()).json()["id"], "done")
        report = await laboratory.client.get(f"/api/v1/backtests/{row['id']}/files/report.html")
        policy = report.headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert policy[0].startswith("sandbox allow-scripts allow-downloads; default-src 'none'")
        assert "allow-same-origin" not in policy[0]
        assert "connect-src" not in policy[0], "nothing may be fetched: the default holds"
        assert report.headers["content-type"] == "text/html; charset=utf-8"
        assert report.headers["x-content-type-options"] == "nosniff"


ODD_NAMES = (
    *("notes.txt", "../arguments.json", "..%2farguments.json", "%2e%2e/given/risk.yml", "/etc/passwd", "."),
    *(
        "result.json%00",
        "report.pdf",
        "..\\arguments.json",
        "RESULT.JSON",
        "%2fetc%2fpasswd",
        "..%2fresults%2fresult.json",
    ),
)
ODD_IDS = ("..", "%2e%2e", "x", "x" * 300, "a%00b", "%2e%2e%2fuploads", "２")


async def test_only_the_files_of_a_result_are_handed_out(laboratory: Laboratory) -> None:
    async with laboratory.open():
        row = await laboratory.until((await laboratory.start()).json()["id"], "done")
        for name in ODD_NAMES:
            answer = await laboratory.client.get(f"/api/v1/backtests/{row['id']}/files/{name}")
            assert is_problem(answer, 404), name
        assert (await laboratory.client.get(f"/api/v1/backtests/{row['id']}/files/result.json")).status_code == 200


async def test_an_id_that_is_none_leads_nowhere(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for id in ODD_IDS:
            assert (await laboratory.client.get(f"/api/v1/backtests/{id}/files/result.json")).status_code == 404, id
            assert (await laboratory.client.get(f"/api/v1/backtests/{id}")).status_code in (404, 307), id
            assert (await laboratory.client.delete(f"/api/v1/backtests/{id}")).status_code in (404, 405, 307), id


async def test_a_link_among_the_results_is_not_followed(laboratory: Laboratory) -> None:
    laboratory.behave("links")
    async with laboratory.open():
        row = await laboratory.until((await laboratory.start()).json()["id"], "done")
        assert [each["name"] for each in row["files"]] == ["result.json"]
        answer = await laboratory.client.get(f"/api/v1/backtests/{row['id']}/files/trades.csv")
        assert is_problem(answer, 404, "trades.csv")


# ---------------------------------------------------------------- the child


async def test_a_child_has_no_secret_gives_way_and_is_bounded(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "BINANCEUS_API_SECRET", "DEEPSEEK_API_KEY", "TRADER_ADMIN_PASSWORD", "SOMEBODYS_KEY"):
        monkeypatch.setenv(name, "canary-in-a-mine")
    laboratory.behave("slow")
    laboratory.limits = replace(SMALL, nice=Limits(seconds=1, memory_mb=1).nice)
    laboratory.runs = laboratory.fresh_runs()
    async with laboratory.open():
        before = set(children())
        row = (await laboratory.start()).json()
        await laboratory.until(row["id"], "running")
        async with asyncio.timeout(60):
            while (await laboratory.get(f"/{row['id']}"))["progress_pct"] != 25:
                await asyncio.sleep(0.02)
        (child,) = set(children()) - before
        environment = Path(f"/proc/{child}/environ").read_bytes()
        assert b"canary" not in environment
        names = {each.partition(b"=")[0].decode() for each in environment.split(b"\0") if each}
        assert {name for name in names if name.startswith("TRADER")} == {
            *("TRADER_DATA_DIR", "TRADER_STRATEGIES_DIR", "TRADER_SYMBOL")
        }
        limits = Path(f"/proc/{child}/limits").read_text()
        assert f"{SMALL.memory_mb << 20}" in next(line for line in limits.splitlines() if "data size" in line)
        assert Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[16] == "19", "its niceness"
        assert os.getpgid(child) == os.getsid(child) == child
        session = Path(f"/proc/{child}/autogroup")
        assert not session.exists() or session.read_text().endswith("nice 19\n"), "its session gives way, too"
        work = laboratory.folder / "data/backtests" / row["id"] / "work/data"
        assert [path.name for path in work.iterdir()] == ["candles"], "no books, no keys"


async def test_one_is_cancelled_while_it_runs_and_its_process_is_gone(laboratory: Laboratory) -> None:
    laboratory.behave("slow")
    async with laboratory.open():
        before = set(children())
        first, second = [(await laboratory.start()).json()["id"] for _ in range(2)]
        await laboratory.until(first, "running")
        async with asyncio.timeout(60):
            while not (await laboratory.get(f"/{first}"))["progress_pct"]:  # until then it may not know that it is slow
                await asyncio.sleep(0.01)
        assert set(children()) - before
        laboratory.behave("quick")
        assert (await laboratory.client.delete(f"/api/v1/backtests/{first}")).status_code == 204
        row = await laboratory.get(f"/{first}")
        assert (row["status"], row["files"]) == ("cancelled", [])
        assert row["finished_at"] is not None
        assert (await laboratory.until(second, "done"))["progress_pct"] == 100, "the line goes on"
        assert set(children()) - before == set()
        assert (await laboratory.client.delete(f"/api/v1/backtests/{first}")).status_code == 204
        assert is_problem(await laboratory.client.get(f"/api/v1/backtests/{first}"), 404)
        assert not (laboratory.folder / "data/backtests" / first).exists()
        assert is_problem(await laboratory.client.delete(f"/api/v1/backtests/{first}"), 404)


async def test_whoever_cancels_and_goes_away_has_cancelled(laboratory: Laboratory) -> None:
    dies, may_be_gone = asyncio.Event(), asyncio.Event()

    async def dies_slowly(errand: Errand, progress: Callable[[float], None]) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            dies.set()
            await may_be_gone.wait()
        return ""

    tasks, data = laboratory.desk.tasks, laboratory.folder / "data"
    sources = Sources(
        data_dir=data,
        config_dir=laboratory.folder / "config",
        approved=laboratory.approved,
        kept=laboratory.kept,
        cash=Decimal(10_000),
    )
    laboratory.runs = BacktestRuns(
        laboratory.record,
        RunFolders(data / "backtests", sources),
        Errands(dies_slowly, tasks),
        keep=3,
        audit=laboratory.desk.audit,
        new_id=lambda: token(9),
        clock=laboratory.desk.clock,
        tasks=tasks,
    )
    async with laboratory.open():
        id = (await laboratory.start()).json()["id"]
        await laboratory.until(id, "running")
        asking = asyncio.create_task(laboratory.runs.cancel(Who(username="admin"), id))
        await asyncio.wait_for(dies.wait(), 30)
        asking.cancel()
        await asyncio.wait({asking})
        may_be_gone.set()
        assert (await laboratory.until(id, "cancelled"))["finished_at"] is not None


async def test_whoever_reads_that_it_is_done_finds_its_folder_as_it_stays(laboratory: Laboratory) -> None:
    class Watching(Backtests):
        def ended(self, id: str, status: str, at: datetime, error: str, result: Mapping[str, Any]) -> None:
            found.extend(sorted(path.name for path in (laboratory.folder / "data/backtests" / id).iterdir()))
            super().ended(id, status, at, error, result)

    found: list[str] = []
    laboratory.runs._record = Watching(laboratory.database)
    async with laboratory.open():
        await laboratory.until((await laboratory.start()).json()["id"], "done")
        assert found == ["arguments.json", "given", "results"]


async def test_three_wait_and_the_next_is_told_when_to_come_again(laboratory: Laboratory) -> None:
    laboratory.behave("slow")
    async with laboratory.open():
        first = (await laboratory.start()).json()["id"]
        await laboratory.until(first, "running")
        waiting = [(await laboratory.start()).json()["id"] for _ in range(3)]
        answer = await laboratory.start()
        assert is_problem(answer, 429, "wait")
        assert int(answer.headers["retry-after"]) > 0
        assert (await laboratory.client.delete(f"/api/v1/backtests/{waiting[1]}")).status_code == 204
        assert (await laboratory.start()).status_code == 202
        statuses = [row["status"] for row in (await laboratory.get())["items"]]
        assert statuses.count("queued") == 3
        assert statuses.count("running") == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("fails", "has 10 minutes, and the strategies need 1000"),
        ("floods", "printed more than"),
        ("wants memory", "more than the 1024 MB of memory"),
    ],
)
async def test_one_that_fails_says_why(laboratory: Laboratory, behaviour: str, words: str) -> None:
    laboratory.behave(behaviour)
    async with laboratory.open():
        row = await laboratory.until((await laboratory.start()).json()["id"], "failed")
        assert words in row["error"]
        assert (row["result"], row["files"]) == (None, [])


@pytest.mark.parametrize("behaviour", ["slow", "leaves somebody behind"])
async def test_one_that_takes_too_long_is_ended(
    laboratory: Laboratory, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LAST_WORDS_SECONDS", 0.5)
    laboratory.behave(behaviour)
    laboratory.limits = replace(SMALL, seconds=0.6)
    laboratory.runs = laboratory.fresh_runs()
    async with laboratory.open():
        row = await laboratory.until((await laboratory.start()).json()["id"], "failed")
        assert "it took longer than" in row["error"]


def test_a_child_ends_with_the_trader_however_that_ends(laboratory: Laboratory) -> None:
    """On the event loop that the server brings, which starts processes in its own way."""
    laboratory.behave("slow")
    home = laboratory.folder / "data/backtests/x/work"
    home.mkdir(parents=True)
    script = (
        "import pathlib, uvloop\nfrom services.children.process import *\n"
        f"home = pathlib.Path({str(home)!r})\n"
        f"command = [{str(STAND_IN)!r}, 'backtest', '--cash=1', '--out={home.parent}/results']\n"
        "limits = Limits(seconds=120, memory_mb=512, nice=0)\n"
        "say = lambda line: print(line, flush=True)\n"
        "uvloop.run(run_child(command, home=home, environment={}, limits=limits, hear=say))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "a strategy prints\n"
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    descriptor = os.pidfd_open(int(child))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    import select

    ended, _, _ = select.select([descriptor], [], [], 20)
    os.close(descriptor)
    assert ended, "the child outlived its parent"


# ---------------------------------------------------------------- restart, and what is kept


async def test_after_a_restart_what_waited_goes_on_and_what_ran_has_failed(laboratory: Laboratory) -> None:
    laboratory.behave("slow")
    async with laboratory.open():
        first = (await laboratory.start()).json()["id"]
        second = (await laboratory.start(cash="777")).json()["id"]
        third = (await laboratory.start()).json()["id"]
        await laboratory.until(first, "running")
    laboratory.behave("quick")
    (laboratory.folder / "data/backtests" / third / "arguments.json").unlink()
    laboratory.runs = laboratory.fresh_runs()
    async with laboratory.open():
        row = await laboratory.get(f"/{first}")
        assert (row["status"], row["error"]) == ("failed", RESTARTED)
        assert (await laboratory.until(second, "done"))["result"]["initial_cash"] == 777
        assert "start it again" in (await laboratory.until(third, "failed"))["error"]


async def test_the_newest_are_kept_with_their_folders_and_the_one_that_proves_a_backtest(
    laboratory: Laboratory,
) -> None:
    async with laboratory.open():
        done = (await laboratory.start()).json()["id"]
        await laboratory.until(done, "done")
        laboratory.behave("fails")
        failed = []
        for _ in range(4):
            laboratory.desk.clock.forward(seconds=1)  # type: ignore[attr-defined]
            failed.append((await laboratory.start()).json()["id"])
            await laboratory.until(failed[-1], "failed")
        async with asyncio.timeout(60):
            while (await laboratory.get())["total"] != 4:
                await asyncio.sleep(0.02)
        assert {row["id"] for row in (await laboratory.get())["items"]} == {done, *failed[1:]}
        folders = {path.name for path in (laboratory.folder / "data/backtests").iterdir()}
        assert folders == {done, *failed[1:]}


async def test_what_became_of_one_is_written_when_the_store_is_back(laboratory: Laboratory) -> None:
    class Away(Backtests):
        tries = 0

        def ended(self, *what: Any) -> None:
            self.tries += 1
            if self.tries < 3:
                raise StoreError("the database cannot be written: disk I/O error")
            super().ended(*what)

    laboratory.runs._record = away = Away(laboratory.database)
    async with laboratory.open():
        row = (await laboratory.start()).json()
        assert row["initial_cash"] == "10000", "what was left open is the trader's own"
        laboratory.desk.clock.sleep = lambda seconds: asyncio.sleep(0)  # type: ignore[method-assign]
        assert (await laboratory.until(row["id"], "done"))["error"] is None
        assert away.tries == 3


async def test_whoever_looks_on_is_told_of_every_change(laboratory: Laboratory) -> None:
    seen: list[int] = []
    async with laboratory.open():
        leave = laboratory.runs.subscribe(lambda: seen.append(1))
        id = (await laboratory.start()).json()["id"]
        await laboratory.until(id, "done")
        async with asyncio.timeout(60):
            while len(seen) < 4:  # asked for, begun, 25 %, ended
                await asyncio.sleep(0.02)
        leave()
        await laboratory.client.delete(f"/api/v1/backtests/{id}")
        assert len(seen) == 4


# ---------------------------------------------------------------- bad input


VOTES: dict[str, Any] = {"strategies": {"custom_strategy": {"enabled": True, "weight": 30}}}


BAD_BODIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"data": "ETH/USD"}, ["data:", "'ETH/USD' was not imported", "BTC/USD:1m"]),
    ({"data": "../../etc/passwd"}, ["data:", "was not imported"]),
    ({"data": "/etc/passwd"}, ["data:", "was not imported"]),
    ({"data": ""}, ["data:"]),
    ({"data": 7}, ["data:"]),
    ({"data": "--out=/tmp/x"}, ["data:", "was not imported"]),
    ({"since": "2023-03-03", "until": "2023-03-02"}, ["since:", "before until"]),
    ({"since": "2023-03-02", "until": "2023-03-02"}, ["since:", "before until"]),
    ({"since": "2024-01-01"}, ["since:", "2023-03-01"]),
    ({"until": "2023-01-01"}, ["until:", "2023-03-01"]),
    ({"since": "yesterday"}, ["since:", "2023-03-14"]),
    ({"since": "2023-02-30"}, ["since:", "2023-03-14"]),
    ({"since": "2023-03-02T12:00:00Z"}, ["since:", "2023-03-14"]),
    ({"since": "２０２３-03-02"}, ["since:"]),
    ({"since": "0001-01-01"}, ["since:", "2023-03-14"]),
    ({"cash": "0"}, ["cash:", "from 1"]),
    ({"cash": "-5"}, ["cash:"]),
    ({"cash": "NaN"}, ["cash:"]),
    ({"cash": "1e99"}, ["cash:"]),
    ({"cash": True}, ["cash:"]),
    ({"cash": [1]}, ["cash:"]),
    ({"leverage": 5}, ["leverage:", "unknown name"]),
    ({"config": {"app": {}}}, ["config.app:"]),
    ({"config": {"risk": {"position_size_pct": 200}}}, ["config.risk:", "position_size_pct", "200"]),
    ({"config": {"risk": {"colour": "red"}}}, ["config.risk:", "'colour' is not a known key".replace("'", "")]),
    ({"config": {"risk": {"position_size_pct": None}}}, ["config.risk:"]),
    ({"config": {"strategies": {"timeframe": "7q"}}}, ["config.strategies:", "timeframe"]),
    ({"config": {"strategies": {"strategies": {"mine": {"enabled": True, "weight": 9}}}}}, ["mine", "Controls"]),
    ({"config": {"strategies": {"strategies": {"../x": {"enabled": True, "weight": 9}}}}}, ["config.strategies:"]),
    (
        {
            "config": {
                "strategies": {
                    "strategies": {"custom_strategy": {**VOTES["strategies"]["custom_strategy"], "sha256": "0" * 64}}
                }
            }
        },
        ["config.strategies:", "sha256"],
    ),
    (
        {"config": {"strategies": {"strategies": {"custom_strategy": {"enabled": False, "weight": 9}}}}},
        ["nobody would vote"],
    ),
    ({"config": {"risk": {"x" * 20_000: 1}}}, ["config.risk:", "16384"]),
]


async def test_bad_input_is_told_with_its_field_and_the_cure(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for body, words in BAD_BODIES:
            answer = await laboratory.start(**body)
            assert is_problem(answer, 422, *words), (body, answer.text)
        assert (await laboratory.get())["total"] == 0
        assert not list((laboratory.folder / "data").glob("backtests/*")), "nothing is left"


async def test_a_number_that_is_none_is_bad_input_though_python_reads_it(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for number in ("NaN", "-Infinity", "1e999"):
            body = f'{{"data": "BTC/USD", "config": {{"risk": {{"position_size_pct": {number}}}}}}}'
            headers = {"content-type": "application/json"}
            answer = await laboratory.client.post("/api/v1/backtests", content=body, headers=headers)
            assert is_problem(answer, 422, "config.risk:", "NaN"), (number, answer.text)
        assert (await laboratory.get())["total"] == 0


async def test_a_configuration_of_ones_own_is_what_the_child_reads(laboratory: Laboratory) -> None:
    async with laboratory.open():
        mine = {"strategies": VOTES | {"timeframe": "15m"}, "risk": {"position_size_pct": 7, "trailing": None}}
        row = (await laboratory.start(config=mine)).json()
        given = laboratory.folder / "data/backtests" / row["id"] / "given"
        await laboratory.until(row["id"], "done")
        assert json.loads((given / "strategies.yml").read_text())["timeframe"] == "15m"
        assert json.loads((given / "risk.yml").read_text())["position_size_pct"] == 7
        assert [path.name for path in (given / "strategies").iterdir()] == ["custom_strategy.py"]


async def test_the_same_key_starts_one_and_another_body_is_refused(laboratory: Laboratory) -> None:
    async with laboratory.open():
        key = {"idempotency-key": "once"}
        answers = [
            await laboratory.client.post("/api/v1/backtests", json={"data": "BTC/USD"}, headers=key) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        other = await laboratory.client.post("/api/v1/backtests", json={"data": "BTC/USD", "cash": 5}, headers=key)
        assert is_problem(other, 422, "Idempotency-Key")
        assert (await laboratory.get())["total"] == 1


async def test_strangers_neither_start_nor_see_nor_upload(laboratory: Laboratory) -> None:
    async with laboratory.open():
        del laboratory.client.headers["authorization"]
        for method, path in (
            *(("POST", "backtests"), ("GET", "backtests"), ("GET", "backtests/x"), ("DELETE", "backtests/x")),
            *(("GET", "backtests/x/files/result.json"), ("GET", "data"), ("POST", "data")),
        ):
            answer = await laboratory.client.request(
                method, f"/api/v1/{path}", json={"odd": 1} if method != "GET" else None
            )
            assert is_problem(answer, 401), path


# ---------------------------------------------------------------- the real command


async def test_the_real_command_runs_in_the_child_and_leaves_the_books_alone(laboratory: Laboratory) -> None:
    laboratory.program = MAIN
    laboratory.runs = laboratory.fresh_runs()
    async with laboratory.open():
        row = (await laboratory.start(cash="5000")).json()
        done = await laboratory.until(row["id"], "done")
        assert done["result"]["initial_cash"] == 5000
        assert done["result"]["data"] == "BTC/USD:1m"
        assert done["result"]["bars"] == 3 * 1440 - 200 * 5
        assert {"result.json", "trades.csv", "equity.csv", "equity.parquet"} <= {each["name"] for each in done["files"]}
        assert (await laboratory.get())["total"] == 1, "the child wrote no row of its own"
        folder = laboratory.folder / "data/backtests" / row["id"]
        assert sorted(path.name for path in folder.iterdir()) == ["arguments.json", "given", "results"]


# ---------------------------------------------------------------- candles


async def upload(laboratory: Laboratory, content: bytes, query: str = "", name: str = "mine.csv") -> httpx.Response:
    return await laboratory.client.post(f"/api/v1/data{query}", files={"file": (name, content, "text/csv")})


async def test_candles_are_uploaded_listed_and_ready_for_a_backtest(laboratory: Laboratory) -> None:
    market = write_market(laboratory.folder / "other.csv", days=1, seed=5).read_bytes()
    async with laboratory.open():
        answer = await upload(laboratory, market, "?symbol=eth/usd", name="../../app/x.py")
        assert answer.status_code == 201, answer.text
        row = answer.json()
        assert (row["name"], row["candles"], row["missing"]) == ("ETH/USD:1m", 1440, 0)
        assert (row["first"], row["last"]) == ("2023-03-01T00:00:00.000Z", "2023-03-01T23:59:00.000Z")
        assert any("1440 candles" in note for note in row["notes"])
        listed = (await laboratory.client.get("/api/v1/data")).json()
        assert [each["name"] for each in listed["items"]] == ["BTC/USD:1m", "ETH/USD:1m"]
        assert not list((laboratory.folder / "data/uploads").iterdir())
        assert [line["target"] for line in laboratory.desk.audit.lines if line["action"] == "upload"] == ["ETH/USD:1m"]


async def test_an_upload_leaves_room_for_the_books(laboratory: Laboratory) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"timestamp,open,high,low,close,volume\n"

    full = Uploads(
        laboratory.folder / "data/uploads",
        laboratory.folder / "data",
        "BTC/USD",
        environment={},
        audit=laboratory.desk.audit,
        new_id=lambda: token(9),
        tasks=laboratory.desk.tasks,
        kept_free=1 << 60,
    )
    with pytest.raises(ConfigError, match=r"has [0-9]+ MB left, and 1099511627776 MB are kept for the books; free"):
        await full.take(Who(username="admin"), chunks(), None, "1m")
    assert not (laboratory.folder / "data/uploads").exists()


async def test_what_is_told_of_a_series_is_what_the_command_line_tells(laboratory: Laboratory) -> None:
    (told,) = data_commands.list_rows(laboratory.folder / "data")
    (seen,) = series_in(laboratory.folder / "data")
    assert (seen.name, seen.candles, seen.seconds) == (told["name"], told["rows"], told["seconds"])
    assert (seen.first.isoformat(), seen.last.isoformat()) == (told["first"], told["last"])


BAD_FILES = (
    (b"", ("file:", "empty")),
    (b"PK\x03\x04 pretend", ("file:", "zip")),
    (b"date,open,high,low,close,volume\n2023-03-01 00:00:00,1,0,1,1,1\n", ("file:", "line 2")),
)


async def test_a_file_that_cannot_be_right_changes_nothing(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for content, words in BAD_FILES:
            answer = await upload(laboratory, content, "?symbol=ETH/USD")
            assert is_problem(answer, 422, *words), answer.text
            assert str(laboratory.folder) not in answer.text, "where things are is nobody's business"
        answer = await upload(laboratory, b"x", "?symbol=nonsense&timeframe=hour")
        assert is_problem(answer, 422, "symbol: write it like BTC/USD", "timeframe: write it like 1m"), answer.text
        assert (await laboratory.client.get("/api/v1/data")).json()["total"] == 1


async def test_a_file_beyond_the_limit_is_refused_on_the_server(laboratory: Laboratory) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n'
        for _ in range(30):
            yield b"x" * 65_536

    async with laboratory.open():
        assert is_problem(await upload(laboratory, b"x" * (1 << 20)), 413)
        kind = {"content-type": "multipart/form-data; boundary=b"}
        answer = await laboratory.client.post("/api/v1/data", content=endless(), headers=kind)
        assert is_problem(answer, 413, "1 MB"), "though no header said how long it is"
        assert not list((laboratory.folder / "data/uploads").iterdir())


PART = b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n1\r\n'
FORM = "multipart/form-data; boundary=b"
BAD_FORMS = (
    ("application/json", b"{}", 415),
    ("multipart/form-data", b"--b--", 415),
    (FORM, b"no form at all", 422),
    (FORM, b"", 422),
    (FORM, PART % b"x" + b"--b--\r\n", 422),
    (FORM, PART % b"file", 422),
    (FORM, PART % b"file" * 2 + b"--b--\r\n", 422),
    (FORM, PART % b"x" * 20 + b"--b--\r\n", 422),
    (FORM, PART % (b"x" * 20_000) + b"--b--\r\n", 422),
)


async def test_a_form_that_is_none_is_refused(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for kind, body, status in BAD_FORMS:
            answer = await laboratory.client.post("/api/v1/data", content=body, headers={"content-type": kind})
            assert is_problem(answer, status), (body, answer.text)
        assert not list((laboratory.folder / "data/uploads").iterdir())


async def test_one_upload_at_a_time(laboratory: Laboratory) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nx'
        begun.set()
        await go_on.wait()
        yield b"\r\n--b--\r\n"

    async with laboratory.open():
        kind = {"content-type": "multipart/form-data; boundary=b"}
        first = asyncio.create_task(laboratory.client.post("/api/v1/data", content=slowly(), headers=kind))
        await begun.wait()
        answer = await upload(laboratory, b"x")
        assert is_problem(answer, 429)
        assert int(answer.headers["retry-after"]) > 0
        go_on.set()
        assert is_problem(await first, 422)


async def test_a_series_is_named_properly(laboratory: Laboratory) -> None:
    async with laboratory.open():
        for query in ("?symbol=..%2F..", "?symbol=BTC", "?timeframe=1x", "?timeframe=../x", "?path=/etc"):
            assert is_problem(await upload(laboratory, b"x", query), 422, query[1:].partition("=")[0]), query
