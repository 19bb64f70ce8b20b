"""What the container files promise: pinned libraries, no root, nothing reachable from outside, nothing writable."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.settings import load_settings

ROOT = Path(__file__).parents[2]
HASH = re.compile(r"^[A-Za-z0-9_.\[\]-]+==\S+.*\\$")


def yaml_of(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (word, rest), lines that continue joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


# ---------------------------------------------------------------- the image


def test_the_image_installs_only_what_the_lock_file_names_by_hash() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and re.search(r"pip3? install", rest)]
    assert installs
    assert all("--require-hashes -r requirements.txt" in line for line in installs)
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert locked.count("--hash=sha256:") >= sum(bool(HASH.match(line)) for line in locked.splitlines()) > 20


def test_the_image_does_not_run_as_root() -> None:
    words = [word for word, _ in instructions()]
    user = dict(instructions())["USER"]
    assert user == "10001:10001"
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "RUN" not in words[words.index("USER") :]


def test_the_image_keeps_its_data_in_one_volume_and_says_how_it_is() -> None:
    said = dict(instructions())
    assert said["VOLUME"] == "/data"
    for pair in ("TRADER_DATA_DIR=/data", "TRADER_HOST=0.0.0.0", "NICEGUI_STORAGE_PATH=/data/nicegui"):
        assert pair in said["ENV"]
    assert "/health" in said["HEALTHCHECK"]
    assert '"python"' in said["HEALTHCHECK"]
    assert all(rest.startswith("python:3.12-slim") for word, rest in instructions() if word == "FROM")


def test_only_named_files_get_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    allowed = {line[1:] for line in rules if line.startswith("!")}
    assert rules[0] == "*"
    assert {"app", "backtest", "components", "config", "services", "strategies", "wiring", "main.py"} <= allowed
    assert all((ROOT / name).exists() for name in allowed)
    assert not allowed & {".env", "data", ".git", "tests"}


# ---------------------------------------------------------------- the services together


def test_the_trader_leaves_no_core_behind() -> None:
    assert yaml_of("compose.yaml")["services"]["app"]["ulimits"] == {"core": 0}


@pytest.mark.parametrize("name", ["app", "database"])
def test_no_service_can_do_more_than_it_needs(name: str) -> None:
    service = yaml_of("compose.yaml")["services"][name]
    assert service["read_only"] is True
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["restart"] == "unless-stopped"


def test_only_this_machine_reaches_the_dashboard_and_nobody_the_database() -> None:
    compose = yaml_of("compose.yaml")
    assert compose["services"]["app"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "ports" not in compose["services"]["database"]
    assert compose["services"]["database"]["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"] is True


def test_the_app_waits_for_a_healthy_database() -> None:
    services = yaml_of("compose.yaml")["services"]
    assert services["app"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert "pg_isready" in " ".join(services["database"]["healthcheck"]["test"])
    assert services["database"]["image"] == "postgres:17-alpine"


def test_the_password_comes_from_outside_and_is_required() -> None:
    services = yaml_of("compose.yaml")["services"]
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert "${POSTGRES_PASSWORD:?" in services["app"]["environment"]["DATABASE_URL"]


def test_what_must_last_lies_in_named_volumes_and_what_people_edit_beside_the_file() -> None:
    compose = yaml_of("compose.yaml")
    assert set(compose["volumes"]) == {"data", "postgres"}
    assert set(compose["services"]["app"]["volumes"]) == {
        "data:/data",
        "./config:/srv/config",
        "./strategies:/srv/strategies:ro",
    }
    assert compose["services"]["database"]["volumes"] == ["postgres:/var/lib/postgresql/data"]


def test_the_settings_of_the_compose_file_are_accepted() -> None:
    given = yaml_of("compose.yaml")["services"]["app"]["environment"]
    filled = {name: re.sub(r"\$\{[^}]*\}", "a1b2c3d4e5f6a7b8", str(text)) for name, text in given.items()}
    settings = load_settings(filled, None)
    assert settings.host == "0.0.0.0"
    assert settings.database_url.reveal().endswith("@database:5432/trader")


# ---------------------------------------------------------------- what runs before and after a push


def test_ci_runs_the_same_command_as_people_do() -> None:
    jobs = yaml_of(".github/workflows/ci.yml")["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert any(step.get("run") == ".ci/run" for step in steps)
    assert yaml_of(".github/workflows/ci.yml")["permissions"] == {"contents": "read"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_hooks_use_the_tools_of_the_lock_file() -> None:
    repos = yaml_of(".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in repos[0]["hooks"])
