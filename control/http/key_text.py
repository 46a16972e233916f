"""API keys as requests present them: the text of their secrets, their scopes, and the role that they act with. Pure."""

import re
import secrets
import string
from typing import Final, Literal, get_args
from zlib import crc32

WorkspaceRole = Literal["owner", "admin", "member", "viewer"]
# From most to least. Each workspace role may do what the roles after it may do.
WORKSPACE_ROLES: Final[tuple[WorkspaceRole, ...]] = ("owner", "admin", "member", "viewer")
Scope = Literal[
    "workspace:read",
    "workspace:write",
    "agents:read",
    "agents:write",
    "numbers:read",
    "numbers:write",
    "calls:read",
    "calls:write",
    "calls:supervise",
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
HIGHEST_ROLE: Final[WorkspaceRole] = "admin"


def limit_role(holder: WorkspaceRole) -> WorkspaceRole:
    """Returns the role with which a key acts: that of the member who holds it, HIGHEST_ROLE at most."""
    return max(holder, HIGHEST_ROLE, key=WORKSPACE_ROLES.index)


def order_scopes(scopes: frozenset[Scope]) -> tuple[Scope, ...]:
    """Returns them in the order of SCOPES."""
    return tuple(scope for scope in SCOPES if scope in scopes)


# A secret is a prefix, random characters, and a checksum. Scanners that look for leaked secrets find it by its pattern,
# and verify it by its checksum without a request to us. GitHub's tokens have the same form:
# https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
SCHEME: Final = "vk_live_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 43 of 62 characters are 256 random bits. They cannot be guessed, so the database keeps a plain SHA-256. A slow hash
# protects secrets that people choose, and would make each request as expensive as a sign-in.
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
PATTERN: Final = rf"{SCHEME}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}"
# What is shown of a secret later: 6 random characters of 43 leave 220 bits.
PREFIX_LENGTH: Final = len(SCHEME) + 6
_PATTERN: Final = re.compile(PATTERN)


def make_secret() -> str:
    """Return a new secret."""
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
