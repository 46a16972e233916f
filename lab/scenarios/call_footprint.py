"""What a call leaves in the stores and takes of the machine: calls through the whole platform, with the tables, Redis
and the processes' CPU read before and after."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
from redis.asyncio import Redis

from lab.benchmarks.meter import Meter
from lab.engine.scenario import Scenario, Stage
from lab.scenarios.house import full_load
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Report
from simulator.carrier.prepared_turn import PreparedTurn

TURNS: Final = 8
# Calls a month, for which growth is told.
MONTHS: Final = (1_000_000, 10_000_000, 100_000_000)
_MONTH_S: Final = 30 * 86_400
_SIZES: Final = """
    SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text AS name,
           sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """tables: rows and bytes (with indexes) by name. wal_bytes: of PostgreSQL's log since the server's start. commits:
    transactions. cpu_s: by program. redis_commands; redis_bytes: over the network, both ways. stored_bytes: objects."""

    tables: Mapping[str, tuple[int, int]]
    wal_bytes: int
    commits: int
    cpu_s: Mapping[str, float]
    redis_commands: int
    redis_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class CallFootprint:
    """Of one call, on average. tables: rows and bytes of those that grew. events: by type. written_bytes: of all tables
    before they were compacted, so with the old versions of rows that were updated."""

    calls: int
    good: bool
    tables: Mapping[str, tuple[float, float]]
    events: Mapping[str, float]
    written_bytes: float
    wal_bytes: float
    commits: float
    cpu_ms: Mapping[str, float]
    redis_commands: float
    redis_bytes: float
    stored_bytes: float


async def measure_calls(platform: Platform, words: Sequence[PreparedTurn], calls: int, per_s: float) -> CallFootprint:
    """Runs `calls` calls with stand-in providers, `per_s` of them begun each second. good: whether all went as they
    should."""
    await _compact(platform)
    before = await _read(platform)
    rows = await full_load(platform, words, calls=calls, per_s=per_s)
    used, sizes = await _read(platform), await _sizes(platform)
    await _compact(platform)
    after = await _read(platform)
    events = await platform.rows("SELECT event_type, count(*) AS count FROM call_events GROUP BY 1 ORDER BY 2 DESC")
    return CallFootprint(
        calls=calls,
        # How many ran at once is no matter here.
        good=all(row.good is not False for row in rows if row.what != "calls at once"),
        tables=_growth(before.tables, after.tables, calls),
        events={row["event_type"]: row["count"] / calls for row in events},
        written_bytes=(sum(sizes.values()) - sum(size for _, size in before.tables.values())) / calls,
        wal_bytes=(used.wal_bytes - before.wal_bytes) / calls,
        commits=(used.commits - before.commits) / calls,
        cpu_ms={name: 1e3 * (used.cpu_s[name] - before.cpu_s[name]) / calls for name in used.cpu_s},
        redis_commands=(used.redis_commands - before.redis_commands) / calls,
        redis_bytes=(used.redis_bytes - before.redis_bytes) / calls,
        stored_bytes=(used.stored_bytes - before.stored_bytes) / calls,
    )


def _growth(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], calls: int
) -> dict[str, tuple[float, float]]:
    grown = {
        name: ((rows - before[name][0]) / calls, (size - before[name][1]) / calls)
        for name, (rows, size) in after.items()
        if rows > before[name][0]
    }
    return dict(sorted(grown.items(), key=lambda item: -item[1][1]))


async def _compact(platform: Platform) -> None:
    """Rewrites all tables, so that their size is that of their rows."""
    connection = await asyncpg.connect(platform.database_url)
    try:
        await connection.execute("VACUUM FULL")
    finally:
        await connection.close()


async def _sizes(platform: Platform) -> dict[str, int]:
    return {row["name"]: row["bytes"] for row in await platform.rows(_SIZES)}


async def _read(platform: Platform) -> Reading:
    sizes = await _sizes(platform)
    rows = {name: (await platform.rows(f"SELECT count(*) AS count FROM {name}"))[0]["count"] for name in sizes}
    (figures,) = await platform.rows(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal, xact_commit AS commits"
        " FROM pg_stat_database WHERE datname = current_database()"
    )
    redis = await _redis_info(platform.settings["VOCALIZED_REDIS_URL"])
    programs = {"api": platform.api.pid, "worker": platform.worker.pid, "media": platform.nodes[0].pid}
    cpu = {name: Meter(pid, 0).cpu().used for name, pid in programs.items()}
    cpu["postgres"] = Meter(await _postgres_pid(platform), 0).cpu().used
    cpu["valkey"] = float(redis["used_cpu_user"]) + float(redis["used_cpu_sys"])
    return Reading(
        tables={name: (rows[name], size) for name, size in sizes.items()},
        wal_bytes=figures["wal"],
        commits=figures["commits"],
        cpu_s=cpu,
        redis_commands=int(redis["total_commands_processed"]),
        redis_bytes=int(redis["total_net_input_bytes"]) + int(redis["total_net_output_bytes"]),
        stored_bytes=sum(path.stat().st_size for path in _objects(platform).rglob("*") if path.is_file()),
    )


def _parent(pid: int) -> int:
    """The process that started this one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _objects(platform: Platform) -> Path:
    return Path(urlsplit(platform.settings["VOCALIZED_STORAGE_URL"]).path)


async def _redis_info(url: str) -> Mapping[str, Any]:
    async with aclosing(Redis.from_url(url)) as client:
        found: Mapping[str, Any] = await client.info("everything")
        return found


async def _postgres_pid(platform: Platform) -> int:
    """Of the server: it started the process that has the connection."""
    connection = await asyncpg.connect(platform.database_url)
    try:
        return _parent(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()


def report_lines(found: CallFootprint, months: Sequence[int]) -> list[str]:
    """Tables in Markdown. months: calls of a month each, for what it adds."""
    fault = "" if found.good else ", some of which failed"
    rows, size = (sum(table[part] for table in found.tables.values()) for part in (0, 1))
    events = sum(found.events.values())
    figures = [
        ("events", f"{events:.1f}"),
        ("bytes of tables as written, before compaction", f"{found.written_bytes:,.0f}"),
        ("bytes of PostgreSQL's log (WAL)", f"{found.wal_bytes:,.0f}"),
        ("transactions", f"{found.commits:.1f}"),
        ("commands of Redis", f"{found.redis_commands:.1f}"),
        ("bytes to and from Redis", f"{found.redis_bytes:,.0f}"),
        ("bytes of objects", f"{found.stored_bytes:,.0f}"),
        *((f"CPU of {name}, ms", f"{ms:.1f}") for name, ms in found.cpu_ms.items()),
    ]
    growth = [
        (
            f"{calls:,}",
            f"{rows * calls:,.0f}",
            f"{size * calls / 1e9:,.1f}",
            f"{found.wal_bytes * calls / 1e9:,.1f}",
            f"{events * calls / _MONTH_S:,.1f}",
        )
        for calls in months
    ]
    tables = [(f"`{name}`", f"{count:.1f}", f"{taken:,.0f}") for name, (count, taken) in found.tables.items()]
    types = [(f"`{name}`", f"{count:.1f}") for name, count in found.events.items()]
    return [
        f"{found.calls} calls of {TURNS} turns with stand-in providers{fault}",
        *_table(
            ("table", "rows a call", "bytes a call, with indexes"), [*tables, ("all", f"{rows:.1f}", f"{size:,.0f}")]
        ),
        *_table(("of", "a call"), figures),
        *_table(("calls a month", "rows", "tables, GB", "WAL, GB", "events a second, mean"), growth),
        *_table(("event", "a call"), types),
    ]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names), *rows)]
    return ["", *lines]


async def _run(stage: Stage) -> Report:
    found = await measure_calls(stage.platform, stage.words, stage.options.calls, stage.options.per_second)
    return Report("\n".join(report_lines(found, MONTHS)), found.good)


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=100, help="calls in all (100)")
    parser.add_argument("--per-second", type=float, default=5.0, help="calls that begin each second (5)")


SCENARIO: Final = Scenario(
    title="What a call leaves and takes", shape=PlatformShape(), turns=TURNS, add_options=_add_options, run=_run
)
