"""The text of API keys, their scopes, and the role with which they act. Pure functions."""

import re
import secrets
import string
from typing import Final, Literal, get_args
from zlib import crc32

WorkspaceRole = Literal["owner", "admin", "member", "viewer"]
# From the highest to the lowest role. Each workspace role includes the roles after it.
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
# Keys never have an owner's rights.
HIGHEST_ROLE: Final[WorkspaceRole] = "admin"


def limit_role(holder: WorkspaceRole) -> WorkspaceRole:
    """Return the role with which a key acts: its holder's role, but at most HIGHEST_ROLE."""
    return max(holder, HIGHEST_ROLE, key=WORKSPACE_ROLES.index)


def order_scopes(scopes: frozenset[Scope]) -> tuple[Scope, ...]:
    """Return the scopes in the order of SCOPES."""
    return tuple(scope for scope in SCOPES if scope in scopes)


# A secret is a prefix, random characters, and a checksum. Scanners for leaked secrets find it by its pattern and verify
# it by its checksum without a request to the API. GitHub's tokens have the same form:
# https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
SCHEME: Final = "vk_live_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 43 of 62 characters are 256 random bits, which cannot be guessed, so the database stores a plain SHA-256. A slow hash
# protects secrets that people choose, and would make each request as expensive as a sign-in.
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
PATTERN: Final = rf"{SCHEME}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}"
# Length of the part of a secret that stays visible. 6 of 43 random characters leave 220 bits.
PREFIX_LENGTH: Final = len(SCHEME) + 6
_PATTERN: Final = re.compile(PATTERN)


def make_secret() -> str:
    """Return a new secret."""
    body = SCHEME + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def is_well_formed(text: str) -> bool:
    """Return whether the text has the form and the checksum of a secret. Other texts need no look-up."""
    return _PATTERN.fullmatch(text) is not None and checksum(text[:-CHECKSUM_LENGTH]) == text[-CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    """Return the CRC-32 of the body, in base 62 with the digits of ALPHABET."""
    value, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
