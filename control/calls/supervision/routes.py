"""Routes of supervision sessions, for members of the call's workspace and for the staff."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.calls.live.service import MediaAssignment
from control.calls.supervision.checks import MEMBERS, STAFF
from control.calls.supervision.queries import Mode, Supervision, SupervisorKind
from control.calls.supervision.service import RIGHTS, OpenedSocket, Supervisions, open_socket
from control.http.access import member
from control.http.auth.lasting_rights import LastingRights
from control.http.body import ONE_LINE, Body
from control.http.context import AdminContext, MemberContext
from control.http.fields import CallId, CreatedAt, Id
from control.http.responses.after_commit import AfterCommit
from control.http.route import RateLimit, Route
from control.workspaces.service import Workspaces
from shared.bus.requests import SUPERVISION_CHECK

SUPERVISION: Final = "/workspaces/{workspaceId}/calls/{callId}/supervision"
ADMIN_SUPERVISION: Final = "/admin/calls/{callId}/supervision"
_ERRORS: Final = (
    "404 call_not_found",
    "409 call_not_live",
    "409 recording_refused",
    "409 redaction_forbids_listening",
    "409 supervision_unsupported",
    "409 too_many_supervisors",
    "503 bus_away",
)
_LIMIT: Final = RateLimit("supervision", 60, 60, per_user=True)
ModeField = Annotated[
    Mode,
    Field(
        description="`listen`: hears both sides. `whisper`: also sends notes to the agent that the caller does not "
        "hear. `speak`: also pauses the agent and speaks in its place."
    ),
]


class NewSupervision(Body):
    """What the person wants to do."""

    mode: ModeField = "listen"


class AdminSupervision(NewSupervision):
    """What the member of the staff wants to do, and why."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=ONE_LINE)] = (
        Field(description="Why, for the audit log of the workspace.", examples=["Ticket 1234: the caller was cut off"])
    )


@dataclass(frozen=True, slots=True)
class OpenedSupervision:
    """A session, and the address of its socket."""

    session_id: Annotated[UUID, Field(description="Id of the session.")]
    call_id: CallId
    mode: ModeField
    rights: Annotated[
        list[str], Field(description="What the token grants.", examples=[["listen", "whisper", "speak", "pause"]])
    ]
    socket_url: Annotated[
        str,
        Field(
            description="Address of the socket. It holds the token: keep it out of logs.",
            examples=["wss://media-1.example.com/media/supervise/hN3w0bq"],
        ),
    ]
    token: Annotated[str, Field(description="The token alone; valid once.", examples=["hN3w0bq"])]
    expires_at: Annotated[datetime, Field(description="Until then the token can be used.")]


@dataclass(frozen=True, slots=True)
class SupervisionRow:
    """A session."""

    id: Id
    mode: ModeField
    actor: Annotated[
        SupervisorKind, Field(description="`user`: a member. `api_key`: a key. `admin`: a member of the staff.")
    ]
    actor_email: Annotated[
        str, Field(description="E-mail address of the person, or of the key's holder.", examples=["ada@example.com"])
    ]
    created_at: CreatedAt
    began_at: Annotated[
        datetime | None, Field(description="When the socket was opened; null while nobody has opened it.")
    ]
    ended_at: Annotated[datetime | None, Field(description="When the socket was closed; null before.")]
    end_reason: Annotated[
        str | None,
        Field(
            description="`left`, `call_ended`, `revoked` (the person may no longer listen), "
            "`stalled` (the connection was too slow), `ended` or `fault`.",
            examples=["left"],
        ),
    ]
    heard_ms: Annotated[int, Field(description="Audio that was sent to the person, in ms.", examples=[62000])]
    spoken_ms: Annotated[
        int, Field(description="Audio of the person that was sent to the caller, in ms.", examples=[0])
    ]


@dataclass(frozen=True, slots=True)
class SupervisionList:
    """The sessions of a call, the oldest first; up to 200."""

    sessions: Annotated[list[SupervisionRow], Field(description="The sessions.")]


async def open_supervision(
    context: MemberContext, call_id: CallId, body: NewSupervision
) -> AfterCommit[OpenedSupervision]:
    """Opens a session in which a person listens to a running call, whispers to its agent, or speaks in its place. The
    token in `socket_url` works once, within 60 s."""
    await context.services[Workspaces].require_not_suspended(context.db, context.workspace_id)
    session = await context.services[Supervisions].add(
        context.db, context.workspace_id, call_id, body.mode, context.actor, context.now
    )
    return AfterCommit(partial(_open, context.services[MediaAssignment], session, _seal_right(context, call_id)))


async def list_supervision(context: MemberContext, call_id: CallId) -> SupervisionList:
    """Who has listened to a call, and how."""
    found = await context.services[Supervisions].list_sessions(context.db, context.workspace_id, call_id)
    return SupervisionList([_to_row(session) for session in found])


async def admin_open_supervision(
    context: AdminContext, call_id: CallId, body: AdminSupervision
) -> AfterCommit[OpenedSupervision]:
    """Opens a session in a call of any workspace. The reason is in the workspace's audit log."""
    session = await context.services[Supervisions].add(
        context.db, None, call_id, body.mode, context.actor, context.now, body.reason
    )
    return AfterCommit(partial(_open, context.services[MediaAssignment], session, _seal_right(context, call_id)))


def _seal_right(context: MemberContext | AdminContext, call_id: UUID) -> str:
    return context.services[LastingRights].seal(SUPERVISION_CHECK, call_id, context.credential)


async def _open(media: MediaAssignment, session: Supervision, right: str) -> OpenedSupervision:
    opened: OpenedSocket = await open_socket(media, session, right)
    return OpenedSupervision(
        session.id,
        session.call_id,
        session.mode,
        list(RIGHTS[session.mode]),
        opened.socket_url,
        opened.token,
        session.expires_at,
    )


def _to_row(session: Supervision) -> SupervisionRow:
    return SupervisionRow(**{name: getattr(session, name) for name in SupervisionRow.__slots__})


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        SUPERVISION,
        open_supervision,
        MEMBERS,
        status=201,
        limit=_LIMIT,
        beyond_spec=True,
        errors=(*_ERRORS, "409 workspace_suspended"),
    ),
    Route(
        "GET",
        SUPERVISION,
        list_supervision,
        member("member", "calls:read"),
        beyond_spec=True,
        errors=("404 call_not_found",),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        ADMIN_SUPERVISION,
        admin_open_supervision,
        STAFF,
        status=201,
        limit=_LIMIT,
        beyond_spec=True,
        errors=_ERRORS,
    ),
)
