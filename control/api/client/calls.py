"""Phone calls, for the members of their workspace."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.client.agents import AGENT
from control.api.client.call_views import (
    CallAnswer,
    CallList,
    Events,
    LiveCalls,
    Transcription,
    call_answer,
    call_row,
    live_call,
    transcription,
)
from control.calls.handover import Handover, NotLive
from control.calls.joining import stretch
from control.calls.listed import Filter
from control.calls.model import Direction
from control.http.access import member
from control.http.after import After
from control.http.body import Body
from control.http.context import MemberContext
from control.http.file import FileAnswer
from control.http.page import Moment, PageQuery, Query
from control.http.route import Route
from control.platform.audit import Change, record
from shared.bus.client import BusAway
from shared.bus.commands import DONE, Command, EndCall, SayWords, TransferCall
from shared.errors import Conflict, Missing, Unavailable
from shared.events import Status
from shared.storage import NoObject, Storage, StorageAway

CALLS = "/workspaces/{workspaceId}/calls"
CALL = f"{CALLS}/{{callId}}"
# How long a media node may take to do what it is told, and a link to a recording is good for; seconds.
COMMAND_S = 2.0
LINK_S = 300
STORAGE_S = 5.0
MOST_EVENTS = 5_000

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$", max_length=16)]
Spoken = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000, pattern=r"^[^\u0000]*$")
]


class CallsQuery(PageQuery):
    """Which calls."""

    agent_id: UUID | None = Field(None, description="Only this agent's.")
    status: Status | None = Field(None, description="Only those with this status.")
    direction: Direction | None = Field(None, description="Only inbound or outbound ones.")
    since: Moment | None = Field(None, alias="from", description="Made from this moment on.")
    until: Moment | None = Field(None, alias="to", description="Made before this moment.")
    carrier_call_id: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\u0000]*$", description="The one with this id at its carrier."
    )


class EventsQuery(Query):
    """Which events."""

    after_seq: int = Field(-1, ge=-1, le=2**31 - 1, description="Only those with a higher number.")
    limit: int = Field(MOST_EVENTS, ge=1, le=MOST_EVENTS, description="How many at most.")


class OutboundCall(Body):
    """Whom an agent shall call."""

    agent_id: UUID
    phone_number_to_call: PhoneNumber = Field(description="E.164.")


class TestCall(Body):
    """Whom the agent shall call."""

    phone_number_to_call: PhoneNumber = Field(description="E.164.")


class Ending(Body):
    """How the call is to end."""

    polite: bool = Field(True, description="The agent says goodbye first.")


class Saying(Body):
    """What the agent is to say."""

    text: Spoken


class Transfer(Body):
    """Whom the caller is put through to."""

    number: PhoneNumber = Field(description="E.164.")


@dataclass(frozen=True, slots=True)
class Placed:
    """An outbound call that is dialled soon; its status tells the rest."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class TestPlaced:
    """A test call that is dialled soon; a call like any other, but not counted."""

    test_call_id: UUID


@dataclass(frozen=True, slots=True)
class Done:
    """It was done."""

    outcome: str


async def list_calls(context: MemberContext, query: CallsQuery) -> CallList:
    """The workspace's calls, newest first."""
    wanted = Filter(
        context.workspace_id, query.agent_id, query.status, query.direction, query.carrier_call_id,
        query.since, query.until,
    )  # fmt: skip
    records = context.services.calls.records
    calls, total = await records.page(context.db, wanted, offset=query.offset, limit=query.limit)
    return CallList([call_row(call) for call in calls], total, query.page, query.limit)


async def list_live(context: MemberContext) -> LiveCalls:
    """The workspace's calls that are not over."""
    calls = await context.services.calls.records.live(context.db, context.workspace_id)
    return LiveCalls([live_call(call, context.now) for call in calls])


async def get_call(context: MemberContext, call_id: UUID) -> CallAnswer:
    """A call in full: its turns with their latency, what it consumed, where it was interrupted."""
    call = await context.services.calls.records.get(context.db, context.workspace_id, call_id)
    return call_answer(call, f"/workspaces/{context.workspace_id}/calls/{call_id}/recording")


async def get_recording(context: MemberContext, call_id: UUID) -> After[FileAnswer]:
    """The call's recording, caller left and agent right."""
    call = await context.services.calls.records.find(context.db, context.workspace_id, call_id)
    key = call.recording_key
    if key is None:
        raise Missing("This call has no recording.", code="no_recording")
    return After(partial(_recording, context.services.storage, key, f"{call_id}.{key.rpartition('.')[2]}"))


async def get_transcription(context: MemberContext, call_id: UUID) -> Transcription:
    """What was heard on both sides."""
    text, words = await context.services.calls.records.words(context.db, context.workspace_id, call_id)
    return transcription(text, words)


async def list_events(context: MemberContext, call_id: UUID, query: EventsQuery) -> Events:
    """All that media told of the call, in order."""
    return Events(
        await context.services.calls.records.events(
            context.db, context.workspace_id, call_id, after_seq=query.after_seq, most=query.limit
        )
    )


async def place_call(context: MemberContext, body: OutboundCall) -> Placed:
    """Has a live agent call somebody."""
    calls = context.services.calls
    return Placed(
        await calls.place(
            context.db, context.workspace_id, context.actor, body.agent_id, body.phone_number_to_call, False,
            context.now,
        )
    )  # fmt: skip


async def place_test(context: MemberContext, agent_id: UUID, body: TestCall) -> TestPlaced:
    """Has an agent, live or not, call somebody to be tried out; such a call is not charged."""
    calls = context.services.calls
    return TestPlaced(
        await calls.place(
            context.db, context.workspace_id, context.actor, agent_id, body.phone_number_to_call, True, context.now
        )
    )


async def end_call(context: MemberContext, call_id: UUID, body: Ending) -> After[Done]:
    """Ends a running call."""
    return await _command(context, call_id, "call.end", EndCall("admin", body.polite))


async def say_words(context: MemberContext, call_id: UUID, body: Saying) -> After[Done]:
    """Has the agent say something as soon as it is its turn."""
    return await _command(context, call_id, "call.say", SayWords(body.text))


async def transfer_call(context: MemberContext, call_id: UUID, body: Transfer) -> After[Done]:
    """Puts the caller of a running call through to somebody else."""
    number = await context.services.calls.transferable(context.db, context.workspace_id, body.number)
    return await _command(context, call_id, "call.transfer", TransferCall(number))


async def _command(context: MemberContext, call_id: UUID, action: str, command: Command) -> After[Done]:
    """Noted in the audit log, whatever comes of it. Raises Missing."""
    await context.services.calls.records.find(context.db, context.workspace_id, call_id)
    await record(context.db, context.actor, Change(action, "call", str(call_id), context.workspace_id))
    return After(partial(_carry_out, context.services.handover, call_id, command))


async def _carry_out(handover: Handover, call_id: UUID, command: Command) -> Done:
    """Raises Conflict (codes call_not_live, command_refused), Unavailable (bus_away, no_answer)."""
    try:
        outcome = await handover.command(call_id, command, COMMAND_S)
    except NotLive:
        raise Conflict("This call is not running.", code="call_not_live") from None
    except BusAway:
        raise Unavailable("Running calls cannot be reached. Try again in a moment.", code="bus_away") from None
    if outcome is None:
        raise Unavailable("The call did not answer in time; it may do so yet.", code="no_answer")
    if outcome != DONE:
        raise Conflict(f"This cannot be done now: {outcome}.", code="command_refused")
    return Done(outcome)


async def _recording(storage: Storage, key: str, name: str) -> FileAnswer:
    """A link to it where storage makes some, else what it takes to read it here. Raises Missing, Unavailable."""

    def read(start: int, length: int) -> AsyncIterator[bytes]:
        return stretch(storage, key, start, length)

    kind = "audio/mpeg" if key.endswith(".mp3") else "audio/wav"
    try:
        async with asyncio.timeout(STORAGE_S):
            link = await storage.link(key, LINK_S)
            return FileAnswer(name, kind, 0 if link else await storage.size(key), read, link or "")
    except NoObject:
        raise Missing("This call's recording is not there any more.", code="no_recording") from None
    except (StorageAway, TimeoutError):
        raise Unavailable("Recordings cannot be reached. Try again in a moment.", code="storage_away") from None


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, member("viewer")),
    Route("GET", f"{CALLS}/live", list_live, member("viewer")),
    Route("POST", f"{CALLS}/outbound", place_call, member("member"), status=201, idempotent=True),
    Route("GET", CALL, get_call, member("viewer")),
    Route("GET", f"{CALL}/recording", get_recording, member("viewer")),
    Route("GET", f"{CALL}/transcription", get_transcription, member("viewer")),
    Route("GET", f"{CALL}/events", list_events, member("viewer")),
    Route("POST", f"{CALL}/end", end_call, member("member"), beyond_spec=True),
    Route("POST", f"{CALL}/say", say_words, member("member"), beyond_spec=True),
    Route("POST", f"{CALL}/transfer", transfer_call, member("member"), beyond_spec=True),
    Route("POST", f"{AGENT}/test", place_test, member("member"), status=201, idempotent=True),
)
