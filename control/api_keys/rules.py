"""API keys: their records, what they may do, and the text of their secrets. Pure."""

import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID
from zlib import crc32

from control.workspaces.rules import ROLES, Role

Scope = Literal[
    "workspace:read",
    "workspace:write",
    "agents:read",
    "agents:write",
    "numbers:read",
    "numbers:write",
    "calls:read",
    "calls:write",
    "campaigns:read",
    "campaigns:write",
    "do_not_call:read",
    "do_not_call:write",
    "voice:read",
    "voice:write",
    "integrations:read",
    "integrations:write",
    "tools:read",
    "tools:write",
    "knowledge:read",
    "knowledge:write",
    "privacy:read",
    "privacy:write",
    "analytics:read",
    "billing:read",
]
# In the order of the documentation.
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
# No key may do what only owners may.
HIGHEST_ROLE: Final[Role] = "admin"


def limit_role(holder: Role) -> Role:
    """Returns the role with which a key acts: that of the member who holds it, HIGHEST_ROLE at most."""
    return max(holder, HIGHEST_ROLE, key=ROLES.index)


def order_scopes(scopes: frozenset[Scope]) -> tuple[Scope, ...]:
    """Returns them in the order of SCOPES."""
    return tuple(scope for scope in SCOPES if scope in scopes)


@dataclass(frozen=True, slots=True)
class KeySecret:
    """A secret of a key, as it can be shown later. holder_email: of the member to whom it was shown. expires_at: of one
    that was replaced; None: it ends with its key. holder_is_member: else it is not accepted any more."""

    key_id: UUID
    prefix: str
    holder_email: str
    holder_is_member: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. expires_at: None: never. secrets: the valid one first, then those that a rotation left valid."""

    id: UUID
    workspace_id: UUID
    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    created_at: datetime
    secrets: tuple[KeySecret, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with the text of its new secret, which is shown once."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKeyEdit:
    """Changes; None leaves a part as it is. changes_expiry: whether `expires_at` replaces the key's, also by None."""

    name: str | None = None
    scopes: tuple[Scope, ...] | None = None
    expires_at: datetime | None = None
    changes_expiry: bool = False


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret to store."""

    hash: bytes
    prefix: str
    holder_id: UUID
    created_at: datetime


SCHEME: Final = "vk_live_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
# For secret scanners.
PATTERN: Final = rf"{SCHEME}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}"
# What is shown of a secret later: 6 random characters of 43 leave 220 bits.
PREFIX_LENGTH: Final = len(SCHEME) + 6

_PATTERN: Final = re.compile(PATTERN)


def make_secret() -> str:
    """Returns a new one."""
    body = SCHEME + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether the text is a secret by its form and its checksum. Text that is not need not be looked up."""
    return _PATTERN.fullmatch(text) is not None and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    """Returns the CRC-32 of the text before it, in base 62 with the digits of ALPHABET."""
    value, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
