"""`vocalized services` as a program: its one line, its end, and the end of those who started it."""

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

from tests.vocalized.services.processes import family, gone, linux_only

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
    """The process numbers of PostgreSQL and those of Valkey."""
    server = int((state / "postgres" / "postmaster.pid").read_text().split()[0])
    with Redis.from_url(urls["redis_url"]) as client:
        return [family(server), family(client.info()["process_id"])]


@linux_only
@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_one_line_when_ready_and_a_clean_end(state: Path, wish: signal.Signals) -> None:
    with services(state) as (process, urls):
        assert urls.keys() == {"database_url", "redis_url"}
        processes = set.union(*members(state, urls))
        process.send_signal(wish)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output, errors) == (0, "", "")
    assert all(gone(number) for number in processes)


@linux_only
async def test_a_killed_parent_leaves_no_orphan_and_its_state_to_the_next(state: Path) -> None:
    with services(state) as (process, urls):
        connection = await asyncpg.connect(urls["database_url"])
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        processes = set.union(*members(state, urls))
        process.kill()
        with services(state) as (_, urls):  # at once: while the first ones may still be going down
            assert all(gone(number) for number in processes)
            again = await asyncpg.connect(urls["database_url"])
            assert await again.fetchval("SELECT n FROM kept") == 42
            await again.close()
        connection.terminate()


@linux_only
@pytest.mark.parametrize(("index", "name"), [(0, "PostgreSQL"), (1, "Valkey")])
def test_when_one_of_them_dies_the_program_says_so_and_ends(state: Path, index: int, name: str) -> None:
    with services(state) as (process, urls):
        os.kill(min(members(state, urls)[index]), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors == f"vocalized: {name} ended by itself; see its log in {state}\n"
