"""Grants of vendors: credentials as sealed values, states of OAuth flows, and the policy of both."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import msgspec

from shared.secrets import Sealer, UnsealError

ConnectionStatus = Literal["connecting", "connected", "error", "disconnected"]
# Errors of a connection, which its owner sees.
GRANT_REFUSED: Final = "grant_refused"
CREDENTIALS_UNREADABLE: Final = "credentials_unreadable"


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """The credentials of a connection as they are stored.

    Attributes:
        sealed: None before the first were obtained.
        version: Counts the credentials that were stored.
        lease_until: A flight refreshes them until then at most.
    """

    integration_id: UUID
    workspace_id: UUID
    integration_type: str
    status: ConnectionStatus
    sealed: bytes | None = field(repr=False)
    expires_at: datetime | None
    version: int
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class GrantPolicy:
    """Times and limits of grants, in seconds.

    Attributes:
        state_s: How long a member may take at the vendor.
        confirm_s: How long the member may take to confirm the grant afterwards.
        early_s: An access token that expires within this time is refreshed before use.
        request_s: Longest exchange with a vendor, as a whole.
        lease_s: Longest refresh flight. Longer than `request_s`, so that a live process never loses its lease.
        wait_s: Longest wait for the flight of another process.
        poll_s: Time between two checks of another process's flight.
        connections: Most connections of a workspace.
    """

    state_s: float = 600.0
    confirm_s: float = 600.0
    early_s: float = 60.0
    request_s: float = 10.0
    lease_s: float = 20.0
    wait_s: float = 25.0
    poll_s: float = 0.1
    connections: int = 50

    def __post_init__(self) -> None:
        if self.wait_s < self.lease_s:
            raise ValueError("wait_s: at least lease_s, or a caller gives up before the lease of a dead process ends")


# -- Credentials as sealed values: the tokens of a grant, an API key, or a webhook's signing secret --

# Purposes that values are sealed with.
CREDENTIALS_PURPOSE: Final = "integration credentials"
VERIFIER_PURPOSE: Final = "oauth verifier"
PENDING_PURPOSE: Final = "oauth grant to confirm"


class VendorCredentials(msgspec.Struct, frozen=True):
    """Credentials of a connection.

    Attributes:
        access_token: What requests carry: the access token of OAuth, the API key, or the signing secret.
        refresh_token: Empty if the vendor gave none.
    """

    access_token: str
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "VendorCredentials(…)"


class ObtainedGrant(msgspec.Struct, frozen=True):
    """What a vendor granted.

    Attributes:
        fields: Of the token response; they become settings.
        account: Whose grant it is.
    """

    credentials: VendorCredentials
    expires_at: datetime | None
    scopes: list[str]
    fields: dict[str, str] = {}
    account: str | None = None


def seal_credentials(sealer: Sealer, credentials: VendorCredentials) -> bytes:
    """Sealed for storage."""
    return sealer.seal(msgspec.json.encode(credentials), CREDENTIALS_PURPOSE)


def open_credentials(sealer: Sealer, sealed: bytes | None) -> VendorCredentials | None:
    """Unseals credentials; None if there are none, or they cannot be unsealed."""
    if sealed is None:
        return None
    try:
        return msgspec.json.decode(sealer.open(sealed, CREDENTIALS_PURPOSE), type=VendorCredentials)
    except (UnsealError, msgspec.DecodeError):
        return None


def seal_pending(sealer: Sealer, grant: ObtainedGrant) -> bytes:
    """Returns a grant that waits for its confirmation, sealed."""
    return sealer.seal(msgspec.json.encode(grant), PENDING_PURPOSE)


def open_pending(sealer: Sealer, sealed: bytes) -> ObtainedGrant | None:
    """Unseals a grant; None if it cannot be unsealed."""
    try:
        return msgspec.json.decode(sealer.open(sealed, PENDING_PURPOSE), type=ObtainedGrant)
    except (UnsealError, msgspec.DecodeError):
        return None


# -- The state of an OAuth flow: random and signed, so that a forged one costs no query --

# Purpose of the keys that states are signed with.
STATE_PURPOSE: Final = "oauth state"
_RANDOM_CHARACTERS = 43  # 32 bytes in base64url
_SIGNATURE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class NewState:
    """A new state.

    Attributes:
        text: For the vendor.
        hash: For the database.
    """

    text: str = field(repr=False)
    hash: bytes


class StateSigner:
    """Signs with the first of the keys that are derived from the secret keys, and accepts any."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys: Sequence[bytes] = sealer.derive(STATE_PURPOSE)

    def new(self, integration_type: str) -> NewState:
        """Returns a state for a flow at the vendor of this type."""
        random = secrets.token_urlsafe(32)
        return NewState(random + _sign(self._keys[0], random, integration_type), _hash(random))

    def check(self, text: str, integration_type: str) -> bytes | None:
        """Returns the hash of a state that we signed for this type; None for any other text."""
        random, signature = text[:_RANDOM_CHARACTERS], text[_RANDOM_CHARACTERS:]
        if len(signature) != _SIGNATURE_CHARACTERS or not text.isascii():
            return None
        if any(hmac.compare_digest(_sign(key, random, integration_type), signature) for key in self._keys):
            return _hash(random)
        return None


def _sign(key: bytes, random: str, integration_type: str) -> str:
    return hmac.new(key, f"{random} {integration_type}".encode(), sha256).hexdigest()


def _hash(random: str) -> bytes:
    return sha256(random.encode()).digest()
