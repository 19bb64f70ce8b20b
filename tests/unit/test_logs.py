"""Logs: one JSON line a record, nothing forged, and no secret in any of them."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from services import logs

CANARY = "cAnArY-4f1d9e7b2c"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def started(stream: io.StringIO, tmp_path: Path) -> Iterator[logs.Logs]:
    root = logging.getLogger()
    before, raising = root.level, logging.raiseExceptions
    running = logs.start("DEBUG", secrets=[CANARY], directory=tmp_path, stream=stream)
    yield running
    running.stop()
    root.setLevel(before)
    logging.raiseExceptions = raising


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_json_line_on_the_stream_and_in_the_file(
    started: logs.Logs, stream: io.StringIO, tmp_path: Path
) -> None:
    logging.getLogger("trader.session").warning("feed lost after %s s", 10, extra={"attempt": 3})
    (line,) = lines(stream)
    assert line["level"] == "WARNING"
    assert line["component"] == "trader.session"
    assert line["message"] == "feed lost after 10 s"
    assert line["details"] == {"attempt": 3}
    assert str(line["at"]).endswith("Z")
    assert (tmp_path / "trader.log").read_text() == stream.getvalue()
    assert (tmp_path / "trader.log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text",
    [
        f"key {CANARY} refused",
        "X-MBX-APIKEY: zzz-secret-zzz",
        "{'X-MBX-APIKEY': 'zzz-secret-zzz', 'a': 1}",
        "GET /api/v3/order?symbol=BTCUSD&signature=zzz-secret-zzz&recvWindow=5000",
        "Authorization: Bearer zzz-secret-zzz",
        '{"authorization": "Basic zzz-secret-zzz"}',
        "auth_token=zzz-secret-zzz&public=true",
        '{"token": "zzz-secret-zzz"}',
        '{"otp":"zzz-secret-zzz"}',
        "password=zzz-secret-zzz",
        "BINANCEUS_API_SECRET=zzz-secret-zzz",
        "apiKey=zzz-secret-zzz",
        "smtp://me:zzz-secret-zzz@mail.example.org:587",
        "postgresql+psycopg://trader:zzz-secret-zzz@db/trader",
        "Cookie: session=zzz-secret-zzz; other=1",
        "x" * 7_995 + CANARY,
    ],
)
def test_no_secret_is_written_in_whatever_form(started: logs.Logs, stream: io.StringIO, text: str) -> None:
    logger = logging.getLogger("trader")
    logger.info(text)
    logger.info("said: %s", text)
    logger.info("with details", extra={"response": {"body": [text]}})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it failed")
    written = stream.getvalue() + repr(started.recent())
    assert len(lines(stream)) == 4
    assert "zzz-secret-zzz" not in written
    assert CANARY not in written
    assert CANARY[:8] not in written


def test_a_value_under_a_telling_name_is_starred_whole(started: logs.Logs) -> None:
    logging.getLogger("t").info("x", extra={"headers": {"X-MBX-APIKEY": "abc", "Accept": "json"}, "otp": 123456})
    assert started.recent()[-1]["details"] == {"headers": {"X-MBX-APIKEY": "***", "Accept": "json"}, "otp": "***"}


def test_ordinary_words_stay_readable(started: logs.Logs) -> None:
    text = "tokens used: 120; 2 secrets listed; order buy-000001-ab12 filled at 50000.10 (https://api.binance.us)"
    logging.getLogger("t").info(text)
    assert started.recent()[-1]["message"] == text


def test_a_secret_learnt_later_is_starred_too(started: logs.Logs) -> None:
    started.learn(["learnt-afterwards"])
    logging.getLogger("t").info("it is learnt-afterwards")
    assert started.recent()[-1]["message"] == "it is ***"


def test_a_text_cannot_forge_a_line_or_colour_a_terminal(started: logs.Logs, stream: io.StringIO) -> None:
    logging.getLogger("t").info('user "x"\n{"level":"ERROR"}\r\x1b[31m\u202egnp.exe \u2028 end')
    (line,) = lines(stream)
    message = str(line["message"])
    assert message.isprintable()
    assert "\\n" in message
    assert "\\x1b" in message
    assert "\\u202e" in message


def test_libraries_that_log_keys_never_log_at_debug(started: logs.Logs) -> None:
    child = logging.getLogger("ccxt.base.exchange")
    child.setLevel(logging.DEBUG)
    try:
        child.debug("X-MBX-APIKEY and all")
        logging.getLogger("aiohttp.client").debug("headers")
        child.info("markets loaded")
        logging.getLogger("trader").debug("ours may")
    finally:
        child.setLevel(logging.NOTSET)
    assert [row["message"] for row in started.recent()] == ["markets loaded", "ours may"]


def test_rows_go_to_attached_sinks_until_detached(started: logs.Logs) -> None:
    rows: list[logs.Row] = []
    detach = started.attach(rows.append)
    logging.getLogger("t").info("one")
    detach()
    logging.getLogger("t").info("two")
    assert [row["message"] for row in rows] == ["one"]
    assert rows[0]["at"].utcoffset().total_seconds() == 0


def test_a_failing_sink_is_let_go_and_a_logging_one_does_not_loop(started: logs.Logs) -> None:
    def fails(row: logs.Row) -> None:
        raise RuntimeError("database gone")

    def logs_itself(row: logs.Row) -> None:
        logging.getLogger("sink").info("again")

    started.attach(fails)
    started.attach(logs_itself)
    logging.getLogger("t").info("one")
    logging.getLogger("t").info("two")
    messages = [row["message"] for row in started.recent()]
    assert messages[0] == "one"
    assert "database gone" in messages[1]
    assert messages[2:] == ["two"]


def test_memory_is_bounded_and_giants_are_cut(started: logs.Logs, stream: io.StringIO) -> None:
    logger = logging.getLogger("t")
    for number in range(logs.ROWS_KEPT + 10):
        logger.info("%s", number)
    assert len(started.recent()) == logs.ROWS_KEPT
    logger.info("y" * 5_000_000)
    assert len(started.recent()[-1]["message"]) <= logs.MAX_TEXT + 1
    deep: dict[str, object] = {}
    deep["again"] = deep
    logger.info("deep", extra={"deep": deep, "ratio": float("nan")})
    assert started.recent()[-1]["details"]["ratio"] == "nan"


def test_a_wrong_number_of_arguments_is_still_logged(started: logs.Logs) -> None:
    logging.getLogger("t").info("%s and %s", 1)  # noqa: PLE1206
    assert started.recent()[-1]["message"] == "%s and %s (1,)"


def test_files_are_rotated(
    tmp_path: Path, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, started: logs.Logs
) -> None:
    assert logs.FILE_BYTES == 10 * 1024 * 1024
    assert logs.FILES_KEPT == 30
    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    monkeypatch.setattr(logs, "FILES_KEPT", 3)
    small = logs.start("INFO", directory=tmp_path / "small", stream=stream)
    for number in range(100):
        logging.getLogger("t").info("line %s", number)
    small.stop()
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == [
        "trader.log",
        "trader.log.1",
        "trader.log.2",
        "trader.log.3",
    ]


def test_a_directory_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file: logs cannot be written there .*; check permissions"):
        logs.start("INFO", directory=tmp_path / "file")


def test_whole_addresses_are_never_logged_whatever_level_is_asked_for(started: logs.Logs) -> None:
    assert [logging.getLogger(name).level for name in ("httpx", "httpcore")] == [logging.WARNING, logging.WARNING]
