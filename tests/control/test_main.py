"""`python -m control` as a process: commands, exit codes and error messages."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from config.settings import PREFIX, control_settings
from control.__main__ import main
from control.commands.api import make_api_options
from shared.secrets import new_key
from vocalized.free_port import free_port
from vocalized.services.postgres import Postgres

ROOT = Path(__file__).parents[2]
KEY = new_key()


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return clean | {PREFIX + name: value for name, value in settings.items()}


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "control", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=120)


@contextmanager
def running(*arguments: str, port: int, log: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "control", *arguments, "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(**settings), stderr=file)
        try:
            _wait_until_alive(process, port, log)
            yield process
        finally:
            process.kill()
            process.wait()


def _wait_until_alive(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(1_200):
        assert process.poll() is None, log.read_text()
        try:
            assert get(port, "/healthz") is not None
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        body: bytes = response.read()
        return body


@pytest.fixture(scope="module")
def settings(database_url: str, valkey_url: str) -> dict[str, str]:
    sets = {name: new_key() for name in ("TOKEN_KEYS", "VAULT_KEYS", "BUS_KEYS")}
    return {"DATABASE_URL": database_url, "REDIS_URL": valkey_url, **sets}


async def test_migrate_prepares_a_database_and_can_be_repeated(postgres: Postgres) -> None:
    url = postgres.create("to_migrate")
    try:
        first, repeated = run("migrate", DATABASE_URL=url), run("migrate", DATABASE_URL=url)
        assert (first.returncode, repeated.returncode) == (0, 0), first.stderr + repeated.stderr
        assert first.stdout.startswith("applied 20261125000001_foundation.sql\n")
        assert repeated.stdout == "nothing to apply\n"
        connection = await asyncpg.connect(url)
        try:
            for table in ("tiers", "settings", "providers", "agent_templates"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 2, table
            partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_records'::regclass"
            assert await connection.fetchval(partitions) >= 3
        finally:
            await connection.close()
    finally:
        postgres.drop("to_migrate")


def test_api_serves_and_stops_on_sigterm(settings: dict[str, str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running("api", port=port, log=log, **settings) as process:
        assert json.loads(get(port, "/readyz"))["status"] == "ready"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    # The connection to Redis is made beside the start.
    events = [event for event in events if not event.startswith("bus.")]
    # The OpenAPI document takes 0.3 s: made at the first request, callers waited for it.
    assert events[:2] == ["app.prepared", "server.started"]
    assert events[-2:] == ["server.drain_started", "server.stopped"]


def test_processes_share_the_port_and_the_metrics(settings: dict[str, str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running("api", "--workers", "2", port=port, log=log, **settings) as process:
        while log.read_text().count("server.started") < 2:
            time.sleep(0.05)
        for _ in range(20):
            get(port, "/readyz")
        counted = [line for line in get(port, "/metrics").decode().splitlines() if 'route="/readyz"' in line]
        assert 'vocalized_control_requests_total{method="GET",route="/readyz",status="2xx"} 20.0' in counted
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert log.read_text().count("server.started") == 2


def test_worker_runs_and_stops_on_sigterm(settings: dict[str, str], tmp_path: Path) -> None:
    port, mail = free_port(), (tmp_path / "mail").as_uri()
    with running("worker", port=port, log=tmp_path / "log", SMTP_URL=mail, **settings) as process:
        assert json.loads(get(port, "/healthz"))["status"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str, **settings: str) -> int:
    """Runs `main` in this process: what is wrong is found before anything is served."""
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name, value)
    return main(arguments)


def test_one_error_lists_all_invalid_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "api", CORS_ORIGINS="https://a.example/path", RATE_LIMITS="login=5") == 2
    stderr = capsys.readouterr().err
    for name in ("DATABASE_URL", "REDIS_URL", "CORS_ORIGINS", "RATE_LIMITS"):
        assert f"VOCALIZED_{name}: " in stderr


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("api", "SECRET_KEYS", "s3cret"),
        ("worker", "SECRET_KEYS", "s3cret"),
        ("api", "TOKEN_KEYS", ""),
        ("worker", "BUS_KEYS", ""),
        ("api", "BUS_UNSIGNED", "accept"),
        ("api", "BUS_UNSIGNED", "s3cret"),
        ("worker", "BUS_KEYS", "s3cret"),
        ("api", "TOKEN_KEYS", "s3cret"),
        ("api", "MEDIA_URLS", "https://s3cret"),
        ("worker", "SMTP_URL", "http://a:s3cret@b"),
        ("api", "TELNYX_PUBLIC_KEYS", "s3cret"),
        ("api", "STORAGE_URL", "s3://bucket?public_endpoint=https://s3cret"),
        ("worker", "STORAGE_URL", "s3://bucket?secret=s3cret"),
        ("api", "STORAGE_URL", ""),
        ("api", "EMBEDDER_KEY", "s3cret"),
        ("worker", "EMBEDDER_URL", "s3cret"),
    ],
)
def test_invalid_setting_is_named_without_its_value(
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    value: str,
) -> None:
    assert run_main(monkeypatch, command, **settings | {name: value}) == 2
    stderr = capsys.readouterr().err
    assert f"VOCALIZED_{name}" in stderr and "s3cret" not in stderr


def test_unknown_limit_is_an_error(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "api", **settings | {"RATE_LIMITS": "lgoin=5/60"}) == 2
    assert "lgoin" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_unreachable_database_is_one_line(
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
) -> None:
    unreachable_url = f"postgresql://owner:s3cret@/vocalized?host={tmp_path}"
    assert run_main(monkeypatch, command, **settings | {"DATABASE_URL": unreachable_url}) == 1
    stderr = capsys.readouterr().err
    assert stderr.startswith("control: ") and "Traceback" not in stderr and "s3cret" not in stderr


def test_taken_port_is_an_error(settings: dict[str, str]) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        result = run("api", "--port", str(occupied.getsockname()[1]), **settings)
    assert result.returncode == 1 and "in use" in result.stderr


def test_media_urls_are_needed_where_others_reach_the_platform(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can write to Redis must not lead callers and their tickets to a host of theirs."""
    assert run_main(monkeypatch, "api", **settings | {"PUBLIC_URL": "https://api.example.com"}) == 2
    assert "VOCALIZED_MEDIA_URLS: required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("portal", "links"),
    [("", "https://api.example.com/console"), ("https://app.example.com", "https://app.example.com")],
)
def test_links_in_emails_lead_to_the_portal_or_to_the_console(
    monkeypatch: pytest.MonkeyPatch, portal: str, links: str
) -> None:
    settings = {"DATABASE_URL": "postgresql://x/y", "REDIS_URL": "redis://x", "SECRET_KEYS": KEY}
    settings |= {"PUBLIC_URL": "https://api.example.com", "MEDIA_URLS": "wss://media.example.com/*"} | (
        {"PORTAL_URL": portal} if portal else {}
    )
    for name, value in settings.items():
        monkeypatch.setenv(PREFIX + name, value)
    policies = make_api_options(control_settings()).policies
    assert (policies.links, policies.has_portal) == (links, bool(portal))


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        # What writes invoices would be a fifth of the start, Telnyx's SDK a third.
        ("api", {"fpdf", "fontTools", "numpy", "telnyx", "control.worker", "control.backups.run"}),
        ("worker", {"fpdf", "fontTools", "numpy", "telnyx", "control.app", "control.api"}),
        ("migrate", {"aiohttp", "stripe", "control.services", "control.worker"}),
        ("admin", {"aiohttp", "redis", "stripe", "control.services"}),
    ],
)
def test_commands_load_only_what_they_use(command: str, needless: set[str]) -> None:
    script = f"""
import runpy, sys
sys.argv[1:] = ["{command}", "--help"]
try:
    runpy.run_module("control", run_name="__main__")
except SystemExit:
    print(sorted({needless!r} & sys.modules.keys()), "control.commands.{command}" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stderr == "[] True\n"
