"""Opens the sessions of supervisors, and records what their media node reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.calls.live.service import CallNotLive, MediaAssignment, SupervisionUnsupported
from control.calls.records.reports import CallReport
from control.calls.records.service import CallRecords
from control.calls.supervision import queries
from control.calls.supervision.queries import Mode, Supervision
from control.db.pool import Connection
from control.platform.service import Platform
from control.workspaces.service import find_redaction
from shared.bus.client import BusUnavailable
from shared.bus.tickets import TTL_S, SupervisionGrant
from shared.errors import Conflict, Unavailable
from shared.events import (
    AgentPaused,
    AgentResumed,
    Event,
    LineReturned,
    LineTaken,
    SupervisionBegan,
    SupervisionEnded,
    SupervisionWhispered,
)
from shared.ids import new_id

SupervisionEvent = (
    SupervisionBegan | SupervisionWhispered | AgentPaused | AgentResumed | LineTaken | LineReturned | SupervisionEnded
)
_ACTIONS: Final[Mapping[type[Any], str]] = {
    SupervisionBegan: "call.supervision_began",
    SupervisionWhispered: "call.supervision_whispered",
    AgentPaused: "call.supervision_paused",
    AgentResumed: "call.supervision_resumed",
    LineTaken: "call.supervision_speaking",
    LineReturned: "call.supervision_spoke",
    SupervisionEnded: "call.supervision_ended",
}
# Each mode includes the rights of the previous modes.
RIGHTS: Final[Mapping[Mode, tuple[str, ...]]] = {
    "listen": ("listen",),
    "whisper": ("listen", "whisper"),
    "speak": ("listen", "whisper", "speak", "pause"),
}


@dataclass(frozen=True, slots=True)
class OpenedSocket:
    """A session and the address of its socket, which contains the token."""

    session: Supervision
    socket_url: str
    token: str


class Supervisions:
    """Opens sessions in the current transaction, and issues tokens after it."""

    def __init__(self, records: CallRecords, platform: Platform) -> None:
        self._records, self._platform = records, platform

    async def add(
        self,
        db: Connection,
        workspace_id: UUID | None,
        call_id: UUID,
        mode: Mode,
        actor: Actor,
        now: datetime,
        reason: str | None = None,
    ) -> Supervision:
        """Stores a session and writes it to the audit log.

        Args:
            workspace_id: None for the staff.

        Raises:
            NotFound: There is no such call.
            Conflict: Codes call_not_live, redaction_forbids_listening, recording_refused, too_many_supervisors.
        """
        call = await self._records.find(db, workspace_id, call_id)
        line = call.summary_line
        if line.status != "in_progress":
            raise _not_live()
        await require_listenable(db, call)
        await self._require_room(db, line.workspace_id, now)
        is_key = actor.key_id is not None
        session = Supervision(
            UUID(new_id()),
            line.workspace_id,
            call_id,
            mode,
            "api_key" if is_key else "admin" if actor.kind == "admin" else "user",
            actor.key_id or actor.id or UUID(int=0),
            actor.email or "",
            now,
            now + timedelta(seconds=TTL_S),
        )
        await queries.insert_session(db, session)
        after = {"mode": mode, "session_id": str(session.id)}
        change = Change("call.supervise", "call", str(call_id), line.workspace_id, after=after, reason=reason)
        await record_change(db, actor, change)
        return session

    async def _require_room(self, db: Connection, workspace_id: UUID, now: datetime) -> None:
        await queries.lock_sessions(db, workspace_id)
        most = await self._platform.setting(db, "supervisors")
        if await queries.count_open(db, workspace_id, now) >= most:
            raise Conflict(
                f"At most {most} people supervise calls of a workspace at once.", code="too_many_supervisors"
            )

    async def list_sessions(self, db: Connection, workspace_id: UUID | None, call_id: UUID) -> Sequence[Supervision]:
        """Returns the sessions of a call, the oldest first. Raises NotFound."""
        await self._records.find(db, workspace_id, call_id)
        return await queries.select_sessions(db, workspace_id, call_id)


async def require_listenable(db: Connection, call: CallReport) -> None:
    """Raises Conflict (codes redaction_forbids_listening, recording_refused) if no one may listen to the call."""
    workspace_id = call.summary_line.workspace_id
    if call.details.redaction.kinds or (await find_redaction(db, [workspace_id])).get(workspace_id):
        raise Conflict(
            "This workspace redacts what callers say, which cannot be done while they say it.",
            code="redaction_forbids_listening",
        )
    if call.details.consent.is_refused:
        raise Conflict("The caller has refused to be recorded, so nobody listens.", code="recording_refused")


async def open_socket(media: MediaAssignment, session: Supervision, right: str) -> OpenedSocket:
    """Issues the session's token to the node of the call. Called after the commit.

    Args:
        right: See SupervisionGrant.

    Raises:
        Conflict: Codes call_not_live, supervision_unsupported.
        Unavailable: Code bus_away.
    """
    grant = SupervisionGrant(str(session.id), str(session.call_id), RIGHTS[session.mode], right)
    try:
        target = await media.invite_supervisor(grant)
    except CallNotLive:
        raise _not_live() from None
    except SupervisionUnsupported:
        raise Conflict(
            "The media node of this call accepts no listeners: it has several worker processes.",
            code="supervision_unsupported",
        ) from None
    except BusUnavailable:
        raise Unavailable("Running calls cannot be reached. Try again in a moment.", code="bus_away") from None
    return OpenedSocket(session, f"{target.url}/media/supervise/{target.token}", target.token)


async def follow_session(db: Connection, workspace_id: UUID, call_id: UUID, at: datetime, event: Event) -> None:
    """Records what the call's node reported about a session, and writes the person's actions to the audit log.

    Other events are ignored. Needs platform scope.
    """
    if not isinstance(event, SupervisionEvent) or (session_id := _read_id(event.session_id)) is None:
        return
    session = await queries.select_session(db, workspace_id, call_id, session_id)
    if session is None:
        return
    if isinstance(event, SupervisionBegan):
        await queries.set_began(db, session, at)
    if isinstance(event, SupervisionEnded):
        await queries.set_ended(db, session, at, event.reason, event.heard_ms, event.spoken_ms)
    after: dict[str, Any] = {"session_id": event.session_id}
    if isinstance(event, LineReturned):
        after |= {"spoken_ms": event.spoken_ms}
    if isinstance(event, SupervisionEnded):
        after |= {"reason": event.reason, "heard_ms": event.heard_ms, "spoken_ms": event.spoken_ms}
    change = Change(_ACTIONS[type(event)], "call", str(call_id), session.workspace_id, after=after)
    await record_change(db, _actor(session), change)


def _actor(session: Supervision) -> Actor:
    if session.actor == "api_key":
        return Actor("user", None, session.actor_email, key_id=session.actor_id)
    return Actor(session.actor, session.actor_id, session.actor_email)


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _not_live() -> Conflict:
    return Conflict("This call is not running.", code="call_not_live")
