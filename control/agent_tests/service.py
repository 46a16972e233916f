"""Test cases and runs: cases are made, changed and deleted, runs are begun, and their results are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from control.agent_tests import queries
from control.agent_tests.queries import StoredCase
from control.agent_tests.rules import (
    AgentTestCase,
    AgentTestRun,
    CaseReport,
    CaseResult,
    CaseScript,
    CaseSummary,
    find_status,
    require_consistent,
)
from control.agent_tests.script_from_call import RecordedCall, make_script
from control.agents.plans.rules import adapt_tools
from control.agents.plans.service import AgentLookup, AnsweringAgent
from control.agents.service import Agents
from control.agents.variables import PlannedCall
from control.audit.service import Actor, Change, record_change
from control.calls.outbound.service import require_agent, require_plan
from control.calls.records.reports import CallReport
from control.calls.records.service import MOST_EVENTS, CallRecords
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.plan import CallPlan, ProviderPlan

MOST_CASES: Final = 1_000
MOST_CASES_OF_RUN: Final = 200
# Older runs of an agent are deleted when another one begins.
MOST_RUNS: Final = 100
# The vendors that need neither network nor key.
_LOCAL: Final = [ProviderPlan("local")]
_RULES: Final = [ProviderPlan("receptionist")]


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """A case of a run, and the plan of the version that is tested."""

    case: AgentTestCase
    plan: CallPlan


class AgentTests:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, agents: Agents, lookup: AgentLookup, records: CallRecords) -> None:
        self._workspaces, self._agents, self._lookup, self._records = workspaces, agents, lookup, records

    async def list_cases(
        self, db: Connection, workspace_id: UUID, agent_id: UUID | None, page: PageRequest
    ) -> ListPage[CaseSummary]:
        """Returns a page of cases of an agent (None: of all), newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_cases(db, workspace_id, agent_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_cases(db, workspace_id, agent_id))

    async def get_case(self, db: Connection, workspace_id: UUID, case_id: UUID) -> AgentTestCase:
        """Raises NotFound."""
        stored = await queries.select_case(db, workspace_id, case_id)
        if stored is None:
            raise NotFound("There is no such test case.", code="test_case_not_found")
        return await self._complete(db, workspace_id, stored)

    async def create_case(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        agent_id: UUID,
        name: str,
        script: CaseScript,
        now: datetime,
        *,
        source_call_id: UUID | None = None,
    ) -> AgentTestCase:
        """Stores a case. Raises NotFound (agent_not_found), Invalid (codes span_incomplete, assertion_incomplete,
        span_without_call), Conflict (codes test_case_limit, workspace_suspended)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        _require_valid(script, source_call_id)
        await self._agents.get(db, workspace_id, agent_id)
        await queries.lock_cases(db, workspace_id)
        if await queries.count_cases(db, workspace_id, None) >= MOST_CASES:
            raise Conflict(f"A workspace may have {MOST_CASES:,} test cases.", code="test_case_limit")
        summary = CaseSummary(UUID(new_id()), agent_id, name, source_call_id, now, now)
        await queries.insert_case(db, workspace_id, summary, script, actor.id)
        after = {"agent_id": str(agent_id), "name": name}
        if source_call_id is not None:
            after["call_id"] = str(source_call_id)
        await _record(db, actor, workspace_id, "test_case.create", summary.id, after)
        return await self._complete(db, workspace_id, StoredCase(summary, script))

    async def create_from_call(
        self, db: Connection, workspace_id: UUID, actor: Actor, call_id: UUID, name: str, now: datetime
    ) -> AgentTestCase:
        """Makes a case from a call that is over, for the agent that answered it. Raises NotFound, Conflict (codes
        call_not_over, call_without_words, test_case_limit, workspace_suspended)."""
        call = await self._records.find(db, workspace_id, call_id)
        line = call.summary_line
        if line.ended_at is None:
            raise Conflict("The call is not over.", code="call_not_over")
        if line.agent_id is None:
            raise Conflict("No agent answered this call.", code="call_without_words")
        agent = await self._agents.get(db, workspace_id, line.agent_id)
        _, utterances = await self._records.get_transcription(db, workspace_id, call_id)
        events = await self._records.list_events(db, workspace_id, call_id, after_seq=-1, most=MOST_EVENTS)
        recorded = RecordedCall(
            utterances=utterances,
            events=[event.event_data for event in events.rows],
            at=line.answered_at or line.created_at,
            direction=line.direction,
            variables=line.variables,
            language=str(agent.content.config.get("language", "en")),
            end_reason=line.end_reason,
            has_audio=has_usable_recording(call),
        )
        script = make_script(recorded)
        if script is None:
            raise Conflict("The words of the caller are not known.", code="call_without_words")
        return await self.create_case(db, workspace_id, actor, line.agent_id, name, script, now, source_call_id=call_id)

    async def replace_case(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        case_id: UUID,
        name: str,
        script: CaseScript,
        now: datetime,
    ) -> AgentTestCase:
        """Replaces name and script. Raises NotFound, Invalid (codes span_incomplete, assertion_incomplete,
        span_without_call), Conflict (code workspace_suspended)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get_case(db, workspace_id, case_id)
        _require_valid(script, before.summary.source_call_id)
        await queries.update_case(db, workspace_id, case_id, name, script, now)
        await _record(db, actor, workspace_id, "test_case.update", case_id, {"name": name})
        return await self.get_case(db, workspace_id, case_id)

    async def delete_case(self, db: Connection, workspace_id: UUID, actor: Actor, case_id: UUID) -> None:
        """Deletes a case with its results. Raises NotFound."""
        name = await queries.delete_case(db, workspace_id, case_id)
        if name is None:
            raise NotFound("There is no such test case.", code="test_case_not_found")
        await _record(db, actor, workspace_id, "test_case.delete", case_id, {"name": name})

    async def begin_run(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        agent_id: UUID,
        version: int | None,
        case_ids: Sequence[UUID] | None,
        now: datetime,
    ) -> AgentTestRun:
        """Begins a run of an agent's cases. Whoever began it runs the cases and stores their results.

        Args:
            version: None takes the current one.
            case_ids: None takes all cases of the agent.

        Raises:
            NotFound: Codes agent_not_found, agent_version_not_found.
            Invalid: Code test_case_unknown.
            Conflict: Codes test_run_limit, no_test_cases, workspace_suspended.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        agent = await self._agents.get(db, workspace_id, agent_id)
        number = agent.version if version is None else version
        await self._agents.get_version(db, workspace_id, agent_id, number)
        found = await queries.select_case_ids(db, workspace_id, agent_id, case_ids, MOST_CASES_OF_RUN + 1)
        if case_ids is not None and set(case_ids) - set(found):
            raise Invalid("The agent has no such test case.", param="case_ids", code="test_case_unknown")
        if not found:
            raise Conflict("The agent has no test cases.", code="no_test_cases")
        if len(found) > MOST_CASES_OF_RUN:
            text = f"The agent has more than {MOST_CASES_OF_RUN} test cases: name those of the run in case_ids."
            raise Conflict(text, code="test_run_limit")
        run_id = UUID(new_id())
        await queries.insert_run(db, workspace_id, run_id, agent_id, number, found, actor.id, now)
        await queries.delete_old_runs(db, workspace_id, agent_id, MOST_RUNS)
        after = {"agent_id": str(agent_id), "version": number, "cases": len(found)}
        await record_change(db, actor, Change("test_run.begin", "test_run", str(run_id), workspace_id, after=after))
        return await self.get_run(db, workspace_id, run_id)

    async def list_runs(
        self, db: Connection, workspace_id: UUID, agent_id: UUID, page: PageRequest
    ) -> ListPage[AgentTestRun]:
        """Returns a page of an agent's runs, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_runs(db, workspace_id, agent_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_runs(db, workspace_id, agent_id))

    async def get_run(self, db: Connection, workspace_id: UUID, run_id: UUID) -> AgentTestRun:
        """Raises NotFound."""
        run = await queries.select_run(db, workspace_id, run_id)
        if run is None:
            raise NotFound("There is no such test run.", code="test_run_not_found")
        return run

    async def list_results(self, db: Connection, workspace_id: UUID, run_id: UUID) -> list[CaseResult]:
        """Returns the results of a run, in the order of their cases."""
        return await queries.select_results(db, workspace_id, run_id, None, MOST_CASES_OF_RUN)

    async def plan_case(
        self, db: Connection, workspace_id: UUID, run_id: UUID, case_id: UUID, now: datetime
    ) -> PlannedCase:
        """Returns a case of a run with the plan that a call would get, without keys: local vendors take the places of
        the agent's. Raises NotFound, Invalid (code too_long), Conflict (code cannot_answer)."""
        run = await self.get_run(db, workspace_id, run_id)
        if not await queries.select_results(db, workspace_id, run_id, case_id, 1):
            raise NotFound("The run has no such test case.", code="test_case_not_found")
        case = await self.get_case(db, workspace_id, case_id)
        found = await self._lookup.find_by_agent(db, workspace_id, run.agent_id, run.agent_version)
        return PlannedCase(case, make_local_plan(require_agent(found), case.script, now))

    async def save_result(
        self,
        db: Connection,
        workspace_id: UUID,
        run_id: UUID,
        case_id: UUID,
        report: CaseReport,
        now: datetime,
    ) -> AgentTestRun:
        """Stores what became of a case, in place of an earlier report. Raises NotFound."""
        status = find_status(report)
        if not await queries.update_result(db, workspace_id, run_id, case_id, status, report, now):
            raise NotFound("The run has no such test case.", code="test_case_not_found")
        return await self.get_run(db, workspace_id, run_id)

    async def _complete(self, db: Connection, workspace_id: UUID, stored: StoredCase) -> AgentTestCase:
        source = stored.summary.source_call_id
        call = None if source is None else await self._records.find(db, workspace_id, source)
        return AgentTestCase(stored.summary, stored.script, call is not None and has_usable_recording(call))


def has_usable_recording(call: CallReport) -> bool:
    """Returns whether the caller's turns may be cut from the call's recording.

    Media's recordings have the call's clock; a carrier's recording begins at another time. A redacted call's audio is
    not used, because words may have other times in it than the recognizer reported.
    """
    details = call.details
    own = {recording.storage_key for recording in details.recordings}
    is_own = bool(own) and (call.recording_key in own or bool(details.joined))
    return is_own and not details.redaction.kinds and not details.deletes_recordings


def make_local_plan(agent: AnsweringAgent, script: CaseScript, now: datetime) -> CallPlan:
    """Returns the plan of a test call with local vendors, without keys. Raises Invalid, Conflict.

    Args:
        now: The time of the call if the script names none.
    """
    at = script.at or now
    call = PlannedCall(at=at, direction=script.direction, variables=script.variables)
    plan = require_plan(agent, call)
    if script.direction == "inbound":
        plan = agent.make_plan(call, agent.moment(at, is_inbound=True))
    return msgspec.structs.replace(
        plan,
        stt=_LOCAL,
        llm=_RULES,
        tts=_LOCAL,
        languages=tuple(msgspec.structs.replace(language, tts=[]) for language in plan.languages),
        tools=adapt_tools(plan.tools, "twilio"),
    )


async def delete_cases_of_calls(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the cases that were made from these calls, with the reports of their runs. Returns the number of cases.
    Needs platform scope."""
    return await queries.delete_cases_of_calls(db, workspace_id, call_ids)


def _require_valid(script: CaseScript, source_call_id: UUID | None) -> None:
    require_consistent(script)
    for place, turn in enumerate(script.turns):
        if turn.start_ms is not None and source_call_id is None:
            at = f"script.turns.{place}.start_ms"
            raise Invalid(f"{at}: the case was not made from a call.", param=at, code="span_without_call")


async def _record(
    db: Connection, actor: Actor, workspace_id: UUID, action: str, case_id: UUID, after: dict[str, str]
) -> None:
    await record_change(db, actor, Change(action, "test_case", str(case_id), workspace_id, after=after))
