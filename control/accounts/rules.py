"""Types and policies of user and staff accounts, and rules for addresses, networks and names. Pure functions."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Final, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, WithJsonSchema

# --- Records ---------------------------------------------------------------------------------------------------------

AdminRole = Literal["super_admin", "support", "finance", "read_only"]


@dataclass(frozen=True, slots=True)
class User:
    """A user's account."""

    id: UUID
    email: str
    name: str
    is_verified: bool
    is_active: bool
    created_at: datetime
    last_login: datetime | None


@dataclass(frozen=True, slots=True)
class Admin:
    """A staff member.

    Attributes:
        has_totp: Whether a second factor is enabled.
    """

    id: UUID
    email: str
    name: str
    role: AdminRole
    is_active: bool
    has_totp: bool


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """The credentials of a sign-in.

    Attributes:
        code: A code of the authenticator app, or a recovery code.
        device: Token of a known device.
    """

    email: str
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedNumber:
    """A phone number, in E.164, that a user has proved to own."""

    id: UUID
    user_id: UUID
    phone_number: str
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class OwnPassword:
    """An account with its password hash."""

    email: str
    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class ListedSession:
    """An open session.

    Attributes:
        last_used_at: When tokens were last issued to the session.
        address: The client's address at the sign-in.
    """

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None


# --- Policy ----------------------------------------------------------------------------------------------------------

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class HashPolicy:
    """Parameters of argon2id, from OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.

    Attributes:
        workers: Number of concurrent hashes, which need workers x memory_kib of memory.
        queue_size: Number of requests that may wait for a hash.
    """

    time_cost: int = 2
    memory_kib: int = 19_456
    parallelism: int = 1
    workers: int = 2
    queue_size: int = 64


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Lifetimes of sessions.

    Attributes:
        idle_s: Lifetime of an unused refresh token, in seconds.
        max_age_s: Lifetime of a session, used or not, in seconds.
    """

    idle_s: int
    max_age_s: int


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """Waits after wrong passwords.

    Failures are counted for an address at a network or at a known device. Two further counts limit distributed
    guessing: failures of an address from all networks, and failures from a network at all addresses.

    Attributes:
        free_failures: Failures without a wait. Each further failure doubles the wait, from 2 s to max_wait_s.
        forget_after_s: Seconds without a failure after which the count restarts.
        address_failures: Failures of an address from all networks, after which sign-ins without a known device wait for
            the end of the window.
        network_failures: Failures from a network at all addresses, with the same effect.
        window_s: Length of the window in seconds. The first failure starts the window.
    """

    free_failures: int = 5
    max_wait_s: int = 900
    forget_after_s: int = DAY_S
    address_failures: int = 100
    network_failures: int = 200
    window_s: int = 3_600

    def wait_s(self, failures: int) -> int:
        """Return the seconds that an address must wait after this many consecutive failures."""
        if failures <= self.free_failures:
            return 0
        doublings = min(failures - self.free_failures, 32)
        return int(min(2**doublings, self.max_wait_s))


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """Settings of accounts. All times are in seconds.

    Attributes:
        refresh_grace_s: How long a used refresh token is accepted again, for clients that lose responses or refresh
            twice at once. 0 accepts none.
        issuer: The platform's name in an authenticator app.
        confirms_at_once: Whether new accounts have a confirmed address without an e-mail.
        recent_s: How long after a sign-in or a later proof of identity people may perform sensitive actions.
    """

    user: SessionPolicy = SessionPolicy(idle_s=14 * DAY_S, max_age_s=90 * DAY_S)
    admin: SessionPolicy = SessionPolicy(idle_s=3_600, max_age_s=12 * 3_600)
    sso: SessionPolicy = SessionPolicy(idle_s=12 * 3_600, max_age_s=12 * 3_600)
    lock: LockPolicy = LockPolicy()
    refresh_grace_s: int = 0
    verify_s: int = 2 * DAY_S
    reset_s: int = 3_600
    issuer: str = "Vocalized"
    recent_s: int = 900
    confirms_at_once: bool = False


# --- Addresses and networks ------------------------------------------------------------------------------------------

MAX_LENGTH: Final = 254
# Longer texts are refused without parsing: parsing a megabyte takes a second and produces an even longer error.
_MAX_PARSED: Final = 1_000


def normal_address(text: str) -> str:
    """Return the address in the form in which it is stored and compared. Raises ValueError."""
    if len(text) > _MAX_PARSED:
        raise ValueError(f"must be at most {MAX_LENGTH} characters")
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise ValueError(_fault(text.strip())) from None
    address = found.ascii_email
    if address is None:
        raise ValueError("cannot be written in ASCII")
    return address.lower()


def _fault(text: str) -> str:
    """Return the most likely fault of an address."""
    if len(text) > MAX_LENGTH:
        return f"must be at most {MAX_LENGTH} characters"
    _, at, domain = text.rpartition("@")
    if not at:
        return "must have an @, as in ada@example.com"
    if "." not in domain:
        return "must have a period after the @, as in ada@example.com"
    return "must be an e-mail address, as in ada@example.com"


Address = Annotated[
    str,
    AfterValidator(normal_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": MAX_LENGTH, "examples": ["ada@example.com"]}),
]
# A host with IPv4 shares at most its /24 with neighbors. Providers assign at least a /56 to an IPv6 customer
# (RIPE-690), in which a host may have any address.
IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 56


def network_of(address: str) -> str:
    """Return the network of an IP address, such as "192.0.2.0/24".

    An IPv4 address in IPv6 form counts as IPv4. Text that is not an address is returned unchanged.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ip_network((parsed, prefix), strict=False))
