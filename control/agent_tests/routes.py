"""Routes of test cases and test runs, for the members of their workspace."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from pydantic import Field

from control.agent_tests.rules import AgentTestCase, AgentTestRun, CaseReport, CaseResult, CaseScript, CaseSummary
from control.agent_tests.service import MOST_CASES_OF_RUN, AgentTests
from control.agents.service import Agents
from control.http.access import member
from control.http.body import Body, Name
from control.http.context import MemberContext
from control.http.fields import AgentId, CallId, CreatedAt, Id, UpdatedAt
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import RateLimit, Route
from shared.plan import CallPlan

CASES: Final = "/workspaces/{workspaceId}/test-cases"
CASE: Final = f"{CASES}/{{testCaseId}}"
RUNS: Final = "/workspaces/{workspaceId}/agents/{agentId}/test-runs"
RUN: Final = "/workspaces/{workspaceId}/test-runs/{testRunId}"
RUN_CASE: Final = f"{RUN}/test-cases/{{testCaseId}}"
# A script and a report are checked and stored whole.
WRITE_LIMIT: Final = RateLimit("agent-tests", 600, 60, per_user=True)

CaseId = Annotated[UUID, Field(description="Id of the test case.")]
RunId = Annotated[UUID, Field(description="Id of the test run.")]
CaseName = Annotated[Name, Field(description="Name of the case.", examples=["Books a check-up"])]


class CasesQuery(ListQuery):
    """Filters of the list."""

    agent_id: UUID | None = Field(None, description="Only cases of this agent.")


class NewCase(Body):
    """A test case written by hand."""

    agent_id: AgentId
    name: CaseName
    script: CaseScript


class CaseChange(Body):
    """The case's new content."""

    name: CaseName
    script: CaseScript


class CallCase(Body):
    """The case that is made from a call."""

    name: CaseName


class CaseReportBody(Body):
    """The report of one case."""

    report: CaseReport


class NewRun(Body):
    """The version and the cases to test."""

    version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Version of the agent; null takes the current one.", examples=[3]
    )
    uses_draft: bool = Field(False, description="The draft is tested instead; 404 without one.")
    case_ids: list[UUID] | None = Field(
        None,
        min_length=1,
        max_length=MOST_CASES_OF_RUN,
        description="Only these cases; null: all of the agent.",
    )


@dataclass(frozen=True, slots=True)
class CaseList(ListAnswer):
    """A page of test cases, newest first."""

    test_cases: Annotated[list[CaseSummary], Field(description="The cases.")]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A test case."""

    id: Id
    agent_id: AgentId
    name: Annotated[str, Field(description="Name of the case.", examples=["Books a check-up"])]
    source_call_id: Annotated[UUID | None, Field(description="Id of the call that it was made from; null for none.")]
    recording_url: Annotated[
        str | None,
        Field(
            description="Path of the recording that turns with `start_ms` are cut from (left channel), with the same "
            "sign-in; null if there is none: the local voice speaks every turn.",
            examples=[
                "/workspaces/0198a6c2-7f3e-7b1a-9c4d-5e6f7a8b9c0d/calls/0198a6c2-81aa-7c02-b1de-0f1e2d3c4b5a/recording"
            ],
        ),
    ]
    script: Annotated[CaseScript, Field(description="What the caller does, and what is expected of the agent.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """A test case."""

    test_case: Annotated[CaseView, Field(description="The case.")]


@dataclass(frozen=True, slots=True)
class RunList(ListAnswer):
    """A page of an agent's test runs, newest first."""

    test_runs: Annotated[list[AgentTestRun], Field(description="The runs.")]


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """A test run with its results so far."""

    test_run: Annotated[AgentTestRun, Field(description="The run.")]
    results: Annotated[list[CaseResult], Field(description="What became of each case.")]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A test run."""

    test_run: Annotated[AgentTestRun, Field(description="The run.")]


@dataclass(frozen=True, slots=True)
class PlannedCaseAnswer:
    """A case of a run, and the call plan of the tested version."""

    test_case: Annotated[CaseView, Field(description="The case.")]
    call_plan: Annotated[
        dict[str, Any],
        Field(
            description="The plan as media reads it, without keys: local vendors take the places of the agent's. Its "
            "fields may change with each release.",
            examples=[{"call_id": "0198a6c2-81aa-7c02-b1de-0f1e2d3c4b5a"}],
        ),
    ]
    at: Annotated[datetime, Field(description="Date and time of the call for the agent (UTC).")]


async def list_test_cases(context: MemberContext, query: CasesQuery) -> CaseList:
    """List the workspace's test cases, newest first."""
    found = await context.services[AgentTests].list_cases(
        context.db, context.workspace_id, query.agent_id, query.request()
    )
    return CaseList(list(found.rows), **page_fields(query, found))


async def create_test_case(context: MemberContext, body: NewCase) -> CaseAnswer:
    """Create a test case by hand. The local voice speaks its turns."""
    made = await context.services[AgentTests].create_case(
        context.db, context.workspace_id, context.actor, body.agent_id, body.name, body.script, context.now
    )
    return to_answer(context.workspace_id, made)


async def create_test_case_from_call(context: MemberContext, call_id: CallId, body: CallCase) -> CaseAnswer:
    """Create a test case from a completed call. The case has the caller's words with their times, the recorded results
    of tools, and assertions that hold for every good version of the agent. The case is deleted together with the
    words of the call."""
    made = await context.services[AgentTests].create_from_call(
        context.db, context.workspace_id, context.actor, call_id, body.name, context.now
    )
    return to_answer(context.workspace_id, made)


async def get_test_case(context: MemberContext, test_case_id: CaseId) -> CaseAnswer:
    """Get a test case with its script."""
    found = await context.services[AgentTests].get_case(context.db, context.workspace_id, test_case_id)
    return to_answer(context.workspace_id, found)


async def replace_test_case(context: MemberContext, test_case_id: CaseId, body: CaseChange) -> CaseAnswer:
    """Replace the name and the script of a test case."""
    changed = await context.services[AgentTests].replace_case(
        context.db, context.workspace_id, context.actor, test_case_id, body.name, body.script, context.now
    )
    return to_answer(context.workspace_id, changed)


async def delete_test_case(context: MemberContext, test_case_id: CaseId) -> None:
    """Delete a test case with its results in all runs."""
    await context.services[AgentTests].delete_case(context.db, context.workspace_id, context.actor, test_case_id)


async def list_test_runs(context: MemberContext, agent_id: AgentId, query: ListQuery) -> RunList:
    """List an agent's test runs, newest first. The newest 100 are kept."""
    found = await context.services[AgentTests].list_runs(context.db, context.workspace_id, agent_id, query.request())
    return RunList(list(found.rows), **page_fields(query, found))


async def begin_test_run(context: MemberContext, agent_id: AgentId, body: NewRun) -> RunProgress:
    """Start a run of test cases. The command `python -m vocalized test` runs the cases on your machine and stores their
    results."""
    version = body.version
    if body.uses_draft:
        drafts = context.services[Agents].drafts
        version = await drafts.keep_for_test(context.db, context.workspace_id, context.actor, agent_id, context.now)
    begun = await context.services[AgentTests].begin_run(
        context.db, context.workspace_id, context.actor, agent_id, version, body.case_ids, context.now
    )
    return RunProgress(begun)


async def get_test_run(context: MemberContext, test_run_id: RunId) -> RunAnswer:
    """Get a test run with its progress and results."""
    tests = context.services[AgentTests]
    run = await tests.get_run(context.db, context.workspace_id, test_run_id)
    return RunAnswer(run, await tests.list_results(context.db, context.workspace_id, test_run_id))


async def get_test_run_case(context: MemberContext, test_run_id: RunId, test_case_id: CaseId) -> PlannedCaseAnswer:
    """Get a case of a run with the call plan of the tested version."""
    planned = await context.services[AgentTests].plan_case(
        context.db, context.workspace_id, test_run_id, test_case_id, context.now
    )
    view = to_view(context.workspace_id, planned.case)
    return PlannedCaseAnswer(view, encode_call_plan(planned.plan), planned.case.script.at or context.now)


async def save_test_result(
    context: MemberContext, test_run_id: RunId, test_case_id: CaseId, body: CaseReportBody
) -> RunProgress:
    """Store the report of a case of a run. An earlier report is replaced."""
    run = await context.services[AgentTests].save_result(
        context.db, context.workspace_id, test_run_id, test_case_id, body.report, context.now
    )
    return RunProgress(run)


def encode_call_plan(plan: CallPlan) -> dict[str, Any]:
    encoded: dict[str, Any] = msgspec.to_builtins(plan)
    return encoded


def to_view(workspace_id: UUID, case: AgentTestCase) -> CaseView:
    summary = case.summary
    url = f"/workspaces/{workspace_id}/calls/{summary.source_call_id}/recording"
    return CaseView(
        id=summary.id,
        agent_id=summary.agent_id,
        name=summary.name,
        source_call_id=summary.source_call_id,
        recording_url=url if case.has_audio else None,
        script=case.script,
        created_at=summary.created_at,
        updated_at=summary.updated_at,
    )


def to_answer(workspace_id: UUID, case: AgentTestCase) -> CaseAnswer:
    return CaseAnswer(to_view(workspace_id, case))


_SCRIPT_ERRORS: Final = ("422 span_incomplete", "422 span_without_call", "422 assertion_incomplete")

ROUTES: tuple[Route, ...] = (
    Route("GET", CASES, list_test_cases, member("viewer", "calls:read"), beyond_spec=True),
    Route(
        "POST",
        CASES,
        create_test_case,
        member("member", "agents:write"),
        status=201,
        idempotent=True,
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=("404 agent_not_found", "409 test_case_limit", "409 workspace_suspended", *_SCRIPT_ERRORS),
    ),
    Route(
        "POST",
        "/workspaces/{workspaceId}/calls/{callId}/test-case",
        create_test_case_from_call,
        member("member", "calls:write"),
        status=201,
        idempotent=True,
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=(
            "404 call_not_found",
            "404 agent_not_found",
            "409 call_not_over",
            "409 call_without_words",
            "409 test_case_limit",
            "409 workspace_suspended",
        ),
    ),
    Route(
        "GET",
        CASE,
        get_test_case,
        member("viewer", "calls:read"),
        beyond_spec=True,
        errors=("404 test_case_not_found",),
    ),
    Route(
        "PUT",
        CASE,
        replace_test_case,
        member("member", "agents:write"),
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=("404 test_case_not_found", "409 workspace_suspended", *_SCRIPT_ERRORS),
    ),
    Route(
        "DELETE",
        CASE,
        delete_test_case,
        member("member", "agents:write"),
        beyond_spec=True,
        errors=("404 test_case_not_found",),
    ),
    Route("GET", RUNS, list_test_runs, member("viewer", "calls:read"), beyond_spec=True),
    Route(
        "POST",
        RUNS,
        begin_test_run,
        member("member", "agents:write"),
        status=201,
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=(
            "404 agent_not_found",
            "404 draft_not_found",
            "404 version_not_found",
            "409 no_test_cases",
            "409 test_run_limit",
            "409 workspace_suspended",
            "422 test_case_unknown",
        ),
    ),
    Route(
        "GET",
        RUN,
        get_test_run,
        member("viewer", "calls:read"),
        beyond_spec=True,
        errors=("404 test_run_not_found",),
    ),
    Route(
        "GET",
        RUN_CASE,
        get_test_run_case,
        member("member", "agents:read"),
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=(
            "404 test_run_not_found",
            "404 test_case_not_found",
            "404 agent_not_found",
            "409 cannot_answer",
            "422 too_long",
        ),
    ),
    Route(
        "PUT",
        f"{RUN_CASE}/result",
        save_test_result,
        member("member", "agents:write"),
        limit=WRITE_LIMIT,
        beyond_spec=True,
        errors=("404 test_case_not_found",),
    ),
)
