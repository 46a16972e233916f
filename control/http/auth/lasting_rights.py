"""Rights that outlast a request: a socket at a media node stays open only while its opener has the right to open it.

The node stores a sealed text that identifies the opener, and sends it again while the socket is open. The API stores
nothing, and a node can neither read nor change the opener (docs/decisions/0054).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from control.db.pool import Connection
from control.http.access import Access, AccessKind
from control.http.auth.queries import read_admin_session, read_key, read_user_session
from control.http.key_text import limit_role
from shared.bus.requests import RightCheck
from shared.secrets import Sealer, UnsealError

_MEMBER: Final = "member"
_KEY: Final = "key"
_STAFF: Final = "staff"


class _Right(Struct, frozen=True):
    """The opener of a socket.

    Attributes:
        credential: The credential of the request that opened the socket.
    """

    call_id: UUID
    credential: str


def member_credential(session_id: UUID) -> str:
    """Return the credential of a signed-in user."""
    return f"{_MEMBER}:{session_id}"


def key_credential(secret_hash: bytes) -> str:
    """Return the credential of an API key."""
    return f"{_KEY}:{secret_hash.hex()}"


def staff_credential(session_id: UUID) -> str:
    """Return the credential of a member of the staff."""
    return f"{_STAFF}:{session_id}"


class LastingRights:
    """Seals the opener of a call's socket, and checks whether the opener's right still holds."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, kind: str, call_id: UUID, credential: str) -> str:
        """Return the sealed text for the media node.

        Args:
            kind: The kind of socket. The text is not valid for other kinds.
        """
        sealed = self._sealer.seal(msgspec.json.encode(_Right(call_id, credential)), _purpose(kind))
        return urlsafe_b64encode(sealed).decode()

    async def hold(
        self, db: Connection, kind: str, asked: str, call_id: UUID, workspace_id: UUID, accesses: Sequence[Access]
    ) -> bool:
        """Return whether the opener still has one of these accesses in the workspace.

        Members and keys of a suspended workspace have no access. Leaves the transaction's scope, so this must be its
        last step.

        Args:
            asked: The node's `RightCheck` as JSON.
        """
        right = self._open(kind, asked)
        if right is None or right.call_id != call_id:
            return False
        name, _, value = right.credential.partition(":")
        kinds = {access.kind: access for access in accesses}
        if name == _STAFF:
            return await _staff_may(db, UUID(value), kinds.get(AccessKind.ADMIN))
        access = kinds[AccessKind.MEMBER]
        if name == _KEY:
            return await _key_may(db, bytes.fromhex(value), workspace_id, access)
        return name == _MEMBER and await _member_may(db, UUID(value), workspace_id, access)

    def _open(self, kind: str, asked: str) -> _Right | None:
        try:
            sealed = urlsafe_b64decode(msgspec.json.decode(asked, type=RightCheck).right)
            return msgspec.json.decode(self._sealer.open(sealed, _purpose(kind)), type=_Right)
        except (UnsealError, ValueError):  # DecodeError is a ValueError
            return None


async def _staff_may(db: Connection, session_id: UUID, access: Access | None) -> bool:
    session = await read_admin_session(db, session_id)
    return session is not None and access is not None and access.allows(session.role)


async def _member_may(db: Connection, session_id: UUID, workspace_id: UUID, access: Access) -> bool:
    session = await read_user_session(db, session_id, workspace_id)
    if session is None or session.refusal is not None or session.workspace_status == "suspended":
        return False
    return access.allows(session.role)


async def _key_may(db: Connection, secret_hash: bytes, workspace_id: UUID, access: Access) -> bool:
    key = await read_key(db, secret_hash, workspace_id)
    if key is None or key.has_expired or key.role is None or key.workspace_id != workspace_id:
        return False
    if key.workspace_status == "suspended" or access.scope not in key.scopes:
        return False
    return access.allows(limit_role(key.role))


def _purpose(kind: str) -> str:
    return f"lasting right: {kind}"
