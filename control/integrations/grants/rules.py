"""Grants of vendors: sealed credentials, signed states of OAuth flows, and their time limits."""

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
# Values of a connection's `error` field.
GRANT_REFUSED: Final = "grant_refused"
CREDENTIALS_UNREADABLE: Final = "credentials_unreadable"


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """The stored credentials of a connection.

    Attributes:
        sealed: None until the first credentials are obtained.
        version: Number of times that credentials were stored.
        lease_until: End of the lease of a running refresh.
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
        confirm_s: How long the member may then take to confirm the grant.
        early_s: An access token that expires within this time is refreshed before use.
        request_s: Longest exchange with a vendor, from start to end.
        lease_s: Longest refresh. Longer than `request_s`, so that a live process never loses its lease.
        wait_s: Longest wait for a refresh by another process.
        poll_s: Time between two checks of another process's refresh.
        connections: Maximum number of connections per workspace.
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
            raise ValueError(
                "wait_s: must be at least lease_s, or a caller gives up before a dead process's lease ends"
            )


# -- Sealed credentials: tokens of a grant, an API key, or a webhook's signing secret --

# Purposes that are bound to the sealed values.
CREDENTIALS_PURPOSE: Final = "integration credentials"
VERIFIER_PURPOSE: Final = "oauth verifier"
PENDING_PURPOSE: Final = "oauth grant to confirm"


class VendorCredentials(msgspec.Struct, frozen=True):
    """Credentials of a connection.

    Attributes:
        access_token: The secret sent with requests: the OAuth access token, the API key, or the signing secret.
        refresh_token: Empty if the vendor issued none.
    """

    access_token: str
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "VendorCredentials(…)"


class ObtainedGrant(msgspec.Struct, frozen=True):
    """The result of a token request.

    Attributes:
        fields: Values of the token response that become settings.
        account: Name of the account at the vendor.
    """

    credentials: VendorCredentials
    expires_at: datetime | None
    scopes: list[str]
    fields: dict[str, str] = {}
    account: str | None = None


def seal_credentials(sealer: Sealer, credentials: VendorCredentials) -> bytes:
    """Return the credentials sealed for storage."""
    return sealer.seal(msgspec.json.encode(credentials), CREDENTIALS_PURPOSE)


def open_credentials(sealer: Sealer, sealed: bytes | None) -> VendorCredentials | None:
    """Unseal credentials. Return None if there are none or they cannot be unsealed."""
    if sealed is None:
        return None
    try:
        return msgspec.json.decode(sealer.open(sealed, CREDENTIALS_PURPOSE), type=VendorCredentials)
    except (UnsealError, msgspec.DecodeError):
        return None


def seal_pending(sealer: Sealer, grant: ObtainedGrant) -> bytes:
    """Return an unconfirmed grant sealed for storage."""
    return sealer.seal(msgspec.json.encode(grant), PENDING_PURPOSE)


def open_pending(sealer: Sealer, sealed: bytes) -> ObtainedGrant | None:
    """Unseal an unconfirmed grant. Return None if it cannot be unsealed."""
    try:
        return msgspec.json.decode(sealer.open(sealed, PENDING_PURPOSE), type=ObtainedGrant)
    except (UnsealError, msgspec.DecodeError):
        return None


# -- States of OAuth flows: random and signed, so that a forged state is rejected without a query --

# Purpose of the keys that sign states.
STATE_PURPOSE: Final = "oauth state"
_RANDOM_CHARACTERS = 43  # 32 bytes in base64url
_SIGNATURE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class NewState:
    """A new state.

    Attributes:
        text: Value for the vendor.
        hash: Value for the database.
    """

    text: str = field(repr=False)
    hash: bytes


class StateSigner:
    """Signs states with the first secret key and accepts signatures of all secret keys."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys: Sequence[bytes] = sealer.derive(STATE_PURPOSE)

    def new(self, integration_type: str) -> NewState:
        """Return a state for a flow at the vendor of this type."""
        random = secrets.token_urlsafe(32)
        return NewState(random + _sign(self._keys[0], random, integration_type), _hash(random))

    def check(self, text: str, integration_type: str) -> bytes | None:
        """Return the hash of a state that was signed for this type. Return None for any other text."""
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
