"""SQL for test cases, test runs and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.agent_tests.rules import (
    REPORT,
    SCRIPT,
    AgentTestRun,
    CaseReport,
    CaseResult,
    CaseScript,
    CaseSummary,
    ResultStatus,
    count_statuses,
)
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

# Cases

_CASE: Final = "id, agent_id, name, source_call_id, created_at, updated_at"
_CASE_MATCHES: Final = "workspace_id = $1 AND ($2::uuid IS NULL OR agent_id = $2)"
_CASE_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM test_cases WHERE id = $1 AND workspace_id = $2"
)


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A test case as stored."""

    summary: CaseSummary
    script: CaseScript


async def lock_cases(db: Connection, workspace_id: UUID) -> None:
    """Serializes transactions that count a workspace's cases in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('test cases ' || $1::text, 0))", str(workspace_id))


async def count_cases(db: Connection, workspace_id: UUID, agent_id: UUID | None) -> int:
    """Counts the cases of an agent; None: of all agents."""
    count: int = await db.fetchval(f"SELECT count(*) FROM test_cases WHERE {_CASE_MATCHES}", workspace_id, agent_id)
    return count


async def select_cases(
    db: Connection, workspace_id: UUID, agent_id: UUID | None, page: PageRequest
) -> ListPage[CaseSummary]:
    """Returns a page of the same cases, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _CASE_ORDER.make_clause(db, page, (workspace_id, agent_id), (workspace_id,))
    rows = await db.fetch(f"SELECT {_CASE} FROM test_cases WHERE {_CASE_MATCHES} {clause.tail}", *clause.values)
    return cut_page([CaseSummary(**row) for row in rows], page)


async def select_case(db: Connection, workspace_id: UUID, case_id: UUID) -> StoredCase | None:
    """Returns a case."""
    row = await db.fetchrow(
        f"SELECT {_CASE}, script FROM test_cases WHERE workspace_id = $1 AND id = $2", workspace_id, case_id
    )
    return None if row is None else _make_case(row)


async def select_case_ids(
    db: Connection, workspace_id: UUID, agent_id: UUID, wanted: Sequence[UUID] | None, most: int
) -> list[UUID]:
    """Returns up to `most` cases of an agent, the oldest first; wanted: only these."""
    rows = await db.fetch(
        """
        SELECT id FROM test_cases WHERE workspace_id = $1 AND agent_id = $2 AND ($3::uuid[] IS NULL OR id = ANY($3))
        ORDER BY created_at, id LIMIT $4
        """,
        workspace_id,
        agent_id,
        wanted,
        most,
    )
    return [row["id"] for row in rows]


async def insert_case(
    db: Connection, workspace_id: UUID, case: CaseSummary, script: CaseScript, created_by: UUID | None
) -> None:
    """Inserts a case."""
    await db.execute(
        """
        INSERT INTO test_cases (id, workspace_id, agent_id, name, source_call_id, script, created_by, created_at,
                                updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        case.id,
        workspace_id,
        case.agent_id,
        case.name,
        case.source_call_id,
        SCRIPT.dump_python(script, mode="json"),
        created_by,
        case.created_at,
        case.updated_at,
    )


async def update_case(
    db: Connection, workspace_id: UUID, case_id: UUID, name: str, script: CaseScript, now: datetime
) -> bool:
    """Replaces name and script. False: there is no such case."""
    status = await db.execute(
        "UPDATE test_cases SET name = $3, script = $4, updated_at = $5 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        case_id,
        name,
        SCRIPT.dump_python(script, mode="json"),
        now,
    )
    return bool(status == "UPDATE 1")


async def delete_case(db: Connection, workspace_id: UUID, case_id: UUID) -> str | None:
    """Deletes a case with its results. Returns its name, None without such a case."""
    name: str | None = await db.fetchval(
        "DELETE FROM test_cases WHERE workspace_id = $1 AND id = $2 RETURNING name", workspace_id, case_id
    )
    return name


async def delete_cases_of_calls(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the cases that were made from these calls, with their results. Returns how many."""
    status = await db.execute(
        "DELETE FROM test_cases WHERE workspace_id = $1 AND source_call_id = ANY($2::uuid[])", workspace_id, call_ids
    )
    return int(status.split()[-1])


def _make_case(row: Any) -> StoredCase:
    summary = CaseSummary(**{name: row[name] for name in _CASE.split(", ")})
    return StoredCase(summary, SCRIPT.validate_python(row["script"]))


# Runs

_RUN: Final = """
    SELECT r.id, r.agent_id, r.agent_version, r.created_at,
           ARRAY(SELECT t.status FROM test_results t WHERE t.run_id = r.id AND t.workspace_id = r.workspace_id)
               AS statuses
    FROM test_runs r WHERE r.workspace_id = $1
"""
_RUN_ORDER: Final = Keyset(
    ("r.created_at", "r.id"), "SELECT created_at, id FROM test_runs WHERE id = $1 AND workspace_id = $2"
)
_DELETE_OLD: Final = """
    DELETE FROM test_runs WHERE workspace_id = $1 AND agent_id = $2 AND id NOT IN (
        SELECT id FROM test_runs WHERE workspace_id = $1 AND agent_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3)
"""
_SELECT_RESULTS: Final = """
    SELECT t.case_id, c.name, t.status, t.report, t.finished_at
    FROM test_results t JOIN test_cases c ON c.id = t.case_id
    WHERE t.workspace_id = $1 AND t.run_id = $2 AND ($3::uuid IS NULL OR t.case_id = $3)
    ORDER BY c.created_at, c.id LIMIT $4
"""


async def insert_run(
    db: Connection,
    workspace_id: UUID,
    run_id: UUID,
    agent_id: UUID,
    version: int,
    case_ids: Sequence[UUID],
    created_by: UUID | None,
    now: datetime,
) -> None:
    """Inserts a run whose cases are pending."""
    await db.execute(
        "INSERT INTO test_runs (id, workspace_id, agent_id, agent_version, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        run_id,
        workspace_id,
        agent_id,
        version,
        created_by,
        now,
    )
    await db.execute(
        "INSERT INTO test_results (run_id, case_id, workspace_id) SELECT $1, unnest($2::uuid[]), $3",
        run_id,
        case_ids,
        workspace_id,
    )


async def delete_old_runs(db: Connection, workspace_id: UUID, agent_id: UUID, kept: int) -> None:
    """Deletes an agent's runs except the newest `kept`."""
    await db.execute(_DELETE_OLD, workspace_id, agent_id, kept)


async def count_runs(db: Connection, workspace_id: UUID, agent_id: UUID) -> int:
    """Counts the runs of an agent."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM test_runs WHERE workspace_id = $1 AND agent_id = $2", workspace_id, agent_id
    )
    return count


async def select_runs(db: Connection, workspace_id: UUID, agent_id: UUID, page: PageRequest) -> ListPage[AgentTestRun]:
    """Returns a page of an agent's runs, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _RUN_ORDER.make_clause(db, page, (workspace_id, agent_id), (workspace_id,))
    rows = await db.fetch(f"{_RUN} AND r.agent_id = $2 {clause.tail}", *clause.values)
    return cut_page([_make_run(row) for row in rows], page)


async def select_run(db: Connection, workspace_id: UUID, run_id: UUID) -> AgentTestRun | None:
    """Returns a run."""
    row = await db.fetchrow(f"{_RUN} AND r.id = $2", workspace_id, run_id)
    return None if row is None else _make_run(row)


async def select_results(
    db: Connection, workspace_id: UUID, run_id: UUID, case_id: UUID | None, most: int
) -> list[CaseResult]:
    """Returns up to `most` results of a run, in the order of their cases; case_id: only the result of this case."""
    rows = await db.fetch(_SELECT_RESULTS, workspace_id, run_id, case_id, most)
    return [
        CaseResult(
            case_id=row["case_id"],
            name=row["name"],
            status=row["status"],
            report=None if row["report"] is None else REPORT.validate_python(row["report"]),
            finished_at=row["finished_at"],
        )
        for row in rows
    ]


async def update_result(
    db: Connection,
    workspace_id: UUID,
    run_id: UUID,
    case_id: UUID,
    status: ResultStatus,
    report: CaseReport,
    now: datetime,
) -> bool:
    """Stores what became of a case. False: the run does not have it."""
    done = await db.execute(
        "UPDATE test_results SET status = $4, report = $5, finished_at = $6 "
        "WHERE workspace_id = $1 AND run_id = $2 AND case_id = $3",
        workspace_id,
        run_id,
        case_id,
        status,
        REPORT.dump_python(report, mode="json"),
        now,
    )
    return bool(done == "UPDATE 1")


def _make_run(row: Any) -> AgentTestRun:
    fields = {name: row[name] for name in ("id", "agent_id", "agent_version", "created_at")}
    counts: dict[str, Any] = {**count_statuses(row["statuses"])}
    return AgentTestRun(**fields, **counts)
