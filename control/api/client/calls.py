"""Routes of phone calls, for the members of their workspace."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.agents.destinations import LONGEST_TARGET, TARGET
from control.agents.service import Agents
from control.agents.variables import CallVariables
from control.api.call_queries import CallListQuery, EventsQuery
from control.api.client.agents import AGENT
from control.api.client.calls_views import (
    CallAnswer,
    CallList,
    Done,
    Events,
    LiveCallList,
    Placed,
    TestPlaced,
    Transcription,
    to_answer,
    to_live,
    to_row,
    to_transcription,
)
from control.calls.live.service import CallNotLive, MediaAssignment
from control.calls.outbound.service import CallRequest
from control.calls.recordings.wav import read_range
from control.calls.records.rules import CallMetadata
from control.calls.service import Calls
from control.http.access import member
from control.http.after_commit import AfterCommit, IdempotentAfterCommit
from control.http.body import Body
from control.http.context import MemberContext
from control.http.fields import AgentId, CallId
from control.http.file_response import FileResponse
from control.http.pagination import page_fields
from control.http.route import RateLimit, Route
from control.platform.audit import Change, mask_number, record_change
from shared.bus.client import BusUnavailable
from shared.bus.commands import DONE, OUTCOME_UNKNOWN, Command, EndCall, SayText, TransferCall
from shared.errors import Conflict, NotFound, Unavailable
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

CALLS = "/workspaces/{workspaceId}/calls"
CALL = f"{CALLS}/{{callId}}"
# Seconds that a media node may take for a command, and that a link to a recording is valid for.
COMMAND_TIMEOUT_S = 2.0
LINK_VALID_S = 300
STORAGE_TIMEOUT_S = 5.0

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$", max_length=16)]
SpokenText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000, pattern=r"^[^\u0000]*$")
]


class OutboundCall(Body):
    """The agent, the number that it calls, and what the call brings."""

    agent_id: Annotated[UUID, Field(description="Id of the agent that calls; it must be live.")]
    phone_number_to_call: PhoneNumber = Field(description="E.164.", examples=["+12025550123"])
    variables: CallVariables = Field({})
    metadata: CallMetadata = Field({})


class TestCall(Body):
    """The number that the agent calls, and what the call brings."""

    phone_number_to_call: PhoneNumber = Field(description="E.164.", examples=["+12025550123"])
    uses_draft: bool = Field(False, description="The agent speaks as its draft says; 404 without one.")
    variables: CallVariables = Field({})
    metadata: CallMetadata = Field({})


class Ending(Body):
    """How the call ends."""

    polite: bool = Field(True, description="The agent says goodbye first.")


class Saying(Body):
    """What the agent says."""

    text: Annotated[
        SpokenText,
        Field(
            description="What the agent says, up to 1,000 characters.",
            examples=["Dr. Lee will be with you in a minute."],
        ),
    ]


class TransferBody(Body):
    """The number that the caller is transferred to."""

    number: str = Field(
        pattern=TARGET,
        min_length=1,
        max_length=LONGEST_TARGET,
        examples=["+14155550100", "+14155550100;ext=204", "sip:desk@pbx.acme.com"],
        description="The number that the caller is transferred to, in E.164.",
    )


async def list_calls(context: MemberContext, query: CallListQuery) -> CallList:
    """The workspace's calls, newest first."""
    wanted = query.to_filter(context.workspace_id)
    found = await context.services[Calls].records.list_page(context.db, wanted, page=query.request())
    return CallList([to_row(call) for call in found.rows], **page_fields(query, found))


async def list_live(context: MemberContext) -> LiveCallList:
    """The workspace's calls that have not ended."""
    found = await context.services[Calls].records.list_open(context.db, context.workspace_id)
    return LiveCallList([to_live(call, context.now) for call in found.rows], found.has_more)


async def get_call(context: MemberContext, call_id: CallId) -> CallAnswer:
    """A call with all its data: turns with their latency, usage, interruptions."""
    call = await context.services[Calls].records.get(context.db, context.workspace_id, call_id)
    return to_answer(call, f"/workspaces/{context.workspace_id}/calls/{call_id}/recording")


async def get_recording(context: MemberContext, call_id: CallId) -> AfterCommit[FileResponse]:
    """The call's recording: the caller on the left channel, the agent on the right one."""
    call = await context.services[Calls].records.find(context.db, context.workspace_id, call_id)
    key = call.recording_key
    if key is None and call.details.is_recording_withheld:
        raise NotFound("The recording holds what the workspace redacts.", code="recording_withheld")
    if key is None:
        raise NotFound("This call has no recording.", code="no_recording")
    return AfterCommit(partial(_recording, context.services[Storage], key, f"{call_id}.{key.rpartition('.')[2]}"))


async def get_transcription(context: MemberContext, call_id: CallId) -> Transcription:
    """What was heard from both sides."""
    text, utterances = await context.services[Calls].records.get_transcription(
        context.db, context.workspace_id, call_id
    )
    return to_transcription(text, utterances)


async def list_events(context: MemberContext, call_id: CallId, query: EventsQuery) -> Events:
    """All events of the call, in order."""
    found = await context.services[Calls].records.list_events(
        context.db, context.workspace_id, call_id, after_seq=query.after_seq, most=query.limit
    )
    return Events(found.rows, found.has_more)


async def place_call(context: MemberContext, body: OutboundCall) -> Placed:
    """Makes a live agent call a number."""
    request = CallRequest(
        workspace_id=context.workspace_id,
        agent_id=body.agent_id,
        number=body.phone_number_to_call,
        is_test=False,
        variables=body.variables,
        metadata=body.metadata,
    )
    return Placed(await context.services[Calls].place(context.db, context.actor, request, context.now))


async def place_test(context: MemberContext, agent_id: AgentId, body: TestCall) -> TestPlaced:
    """Makes an agent, live or not, call a number as a test. A test call is not charged."""
    drafts, version = context.services[Agents].drafts, None
    if body.uses_draft:
        version = await drafts.keep_for_test(context.db, context.workspace_id, context.actor, agent_id, context.now)
    request = CallRequest(
        workspace_id=context.workspace_id,
        agent_id=agent_id,
        number=body.phone_number_to_call,
        is_test=True,
        agent_version=version,
        variables=body.variables,
        metadata=body.metadata,
    )
    return TestPlaced(await context.services[Calls].place(context.db, context.actor, request, context.now))


async def end_call(context: MemberContext, call_id: CallId, body: Ending) -> AfterCommit[Done]:
    """Ends a running call."""
    await _record_command(context, call_id, "call.end")
    command = EndCall(polite=body.polite, by="member")
    return AfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def say_words(context: MemberContext, call_id: CallId, body: Saying) -> IdempotentAfterCommit[Done]:
    """Makes the agent say a text as soon as it is its turn."""
    await _record_command(context, call_id, "call.say")
    command = SayText(body.text)
    return IdempotentAfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def transfer_call(context: MemberContext, call_id: CallId, body: TransferBody) -> IdempotentAfterCommit[Done]:
    """Transfers the caller of a running call to another number."""
    number = await context.services[Calls].require_transferable(context.db, context.workspace_id, body.number)
    await _record_command(context, call_id, "call.transfer", {"number": mask_number(number)})
    command = TransferCall(number)
    return IdempotentAfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def _record_command(
    context: MemberContext, call_id: UUID, action: str, after: Mapping[str, str] | None = None
) -> None:
    """Records the request in the audit log, whatever the outcome. Raises NotFound."""
    await context.services[Calls].records.find(context.db, context.workspace_id, call_id)
    change = Change(action, "call", str(call_id), context.workspace_id, after=after)
    await record_change(context.db, context.actor, change)


async def _send_command(
    media_assignment: MediaAssignment, call_id: UUID, command: Command, command_id: str | None = None
) -> Done:
    """command_id: see `MediaAssignment.send_command`. Raises Conflict (codes call_not_live, command_refused,
    outcome_unknown), Unavailable (bus_away, no_answer)."""
    try:
        outcome = await media_assignment.send_command(call_id, command, COMMAND_TIMEOUT_S, command_id=command_id)
    except CallNotLive:
        raise Conflict("This call is not running.", code="call_not_live") from None
    except BusUnavailable:
        raise Unavailable("Running calls cannot be reached. Try again in a moment.", code="bus_away") from None
    if outcome is None:
        raise Unavailable("The call did not answer in time; it may do so yet.", code="no_answer")
    if outcome == OUTCOME_UNKNOWN:
        raise Conflict(
            "This may have been done: its media node was lost, or the call is over. The call's events show if it was.",
            code="outcome_unknown",
        )
    if outcome != DONE:
        raise Conflict(f"This cannot be done now: {outcome}.", code="command_refused")
    return Done(outcome)


async def _recording(storage: Storage, key: str, name: str) -> FileResponse:
    """A link to the recording if the storage makes links, else its content. Raises NotFound, Unavailable."""

    def read(start: int, length: int) -> AsyncIterator[bytes]:
        return read_range(storage, key, start, length)

    kind = "audio/mpeg" if key.endswith(".mp3") else "audio/wav"
    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S):
            link = await storage.link(key, LINK_VALID_S)
            return FileResponse(name, kind, 0 if link else await storage.size(key), read, link or "")
    except ObjectNotFound:
        raise NotFound("This call's recording is not there any more.", code="no_recording") from None
    except (StorageUnavailable, TimeoutError):
        raise Unavailable("Recordings cannot be reached. Try again in a moment.", code="storage_away") from None


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, member("viewer", "calls:read")),
    Route("GET", f"{CALLS}/live", list_live, member("viewer", "calls:read")),
    Route("POST", f"{CALLS}/outbound", place_call, member("member", "calls:write"), status=201, idempotent=True),
    Route("GET", CALL, get_call, member("viewer", "calls:read")),
    Route("GET", f"{CALL}/recording", get_recording, member("viewer", "calls:read")),
    Route("GET", f"{CALL}/transcription", get_transcription, member("viewer", "calls:read")),
    Route("GET", f"{CALL}/events", list_events, member("viewer", "calls:read")),
    Route("POST", f"{CALL}/end", end_call, member("member", "calls:write"), beyond_spec=True),
    Route("POST", f"{CALL}/say", say_words, member("member", "calls:write"), idempotent=True, beyond_spec=True),
    Route(
        "POST", f"{CALL}/transfer", transfer_call, member("member", "calls:write"), idempotent=True, beyond_spec=True
    ),
    Route(
        "POST",
        f"{AGENT}/test",
        place_test,
        member("member", "calls:write"),
        status=201,
        idempotent=True,
        limit=RateLimit("test-calls", 30, 60, per_user=True),
        is_heavy=True,
    ),
)
