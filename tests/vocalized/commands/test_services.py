"""`vocalized services` as a program: its ready line, its shutdown, and the death of its parent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from redis import Redis

from tests.vocalized.processes import family, linux_only, wait_ended

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def services(state: Path, *flags: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    command = [sys.executable, "-m", "vocalized", "services", "--state", str(state), "--no-durable", "--json", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            yield process, json.loads(line)
        finally:
            process.kill()


def members(state: Path, urls: dict[str, str]) -> list[set[int]]:
    """The pids of PostgreSQL and of Valkey."""
    server = int((state / "postgres" / "postmaster.pid").read_text().split()[0])
    with Redis.from_url(urls["redis_url"]) as client:
        return [family(server), family(client.info()["process_id"])]


@linux_only
@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_ready_line_and_clean_shutdown(state: Path, stop_signal: signal.Signals) -> None:
    with services(state) as (process, urls):
        assert urls.keys() == {"database_url", "redis_url"}
        processes = set.union(*members(state, urls))
        process.send_signal(stop_signal)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output, errors) == (0, "", "")
    assert all(wait_ended(number) for number in processes)


@linux_only
async def test_killed_parent_leaves_no_orphan_and_the_state_can_be_reused(state: Path) -> None:
    with services(state) as (process, urls):
        connection = await asyncpg.connect(urls["database_url"])
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        processes = set.union(*members(state, urls))
        process.kill()
        with services(state) as (_, urls):  # immediately, while the first ones may still be shutting down
            assert all(wait_ended(number) for number in processes)
            reconnected = await asyncpg.connect(urls["database_url"])
            assert await reconnected.fetchval("SELECT n FROM kept") == 42
            await reconnected.close()
        connection.terminate()


@linux_only
@pytest.mark.parametrize(("index", "name"), [(0, "PostgreSQL"), (1, "Valkey")])
def test_program_ends_when_a_service_dies(state: Path, index: int, name: str) -> None:
    with services(state) as (process, urls):
        os.kill(min(members(state, urls)[index]), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors == f"vocalized: {name} ended by itself; see its log in {state}\n"
