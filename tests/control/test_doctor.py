"""`python -m control doctor` as a process: what it says of stores that answer, and of stores that do not."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from config.settings import PREFIX
from shared.secrets import new_key
from vocalized.free_port import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(database_url: str, valkey_url: str, tmp_path: Path) -> dict[str, str]:
    sets = {f"{name}_KEYS": new_key() for name in ("TOKEN", "VAULT", "BUS")}
    return {"DATABASE_URL": database_url, "REDIS_URL": valkey_url, "STORAGE_URL": f"file://{tmp_path}", **sets}


def examine(settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = clean | {PREFIX + name: value for name, value in settings.items()}
    command = [sys.executable, "-m", "control", "doctor"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def words(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """The result of each finding, by its name."""
    lines = [line for line in done.stdout.splitlines() if line[:1].strip() and not line.startswith("missing:")]
    return {line[8:26].strip(): line[:8].strip() for line in lines if not line.startswith("everything")}


def test_a_complete_installation_lacks_nothing(settings: dict[str, str]) -> None:
    done = examine(settings)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = ("settings", "database", "Redis", "storage", "Twilio", "Telnyx")
    assert words(done) == dict.fromkeys(expected, "ok")
    assert done.stdout.endswith("everything that is needed is there\n")


def test_names_services_that_do_not_answer_and_the_remedy(settings: dict[str, str]) -> None:
    gone = f"127.0.0.1:{free_port()}"
    storage = f"s3://bucket?endpoint=http://{gone}&region=x"
    lacking = {"DATABASE_URL": f"postgresql://a:s3cret@{gone}/x", "REDIS_URL": f"redis://a:s3cret@{gone}"}
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKENS": "AC1=s3cret"}
    done = examine(settings | lacking | twilio | {"STORAGE_URL": storage})
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("missing: database, Redis, storage, Twilio\n")
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "WEBHOOK_URL"):
        assert f"VOCALIZED_{name}" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


async def test_a_database_that_is_not_migrated_is_named(settings: dict[str, str], database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE DATABASE empty_for_doctor")
        empty = database_url.replace(
            f"/{await connection.fetchval('SELECT current_database()')}?", "/empty_for_doctor?"
        )
        done = examine(settings | {"DATABASE_URL": empty})
        await connection.execute("DROP DATABASE empty_for_doctor")
    finally:
        await connection.close()
    assert done.returncode == 1 and "python -m control migrate" in done.stdout


def test_wrong_settings_are_listed(settings: dict[str, str]) -> None:
    done = examine(settings | {"RATE_LIMITS": "login=5"})
    assert done.returncode == 2 and "VOCALIZED_RATE_LIMITS" in done.stderr
