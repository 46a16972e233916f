"""Parameters of the accounts' rules, filled from the settings."""

from dataclasses import dataclass

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class HashPolicy:
    """Parameters of argon2id, from OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.

    workers: concurrent hashes; memory is workers x memory_kib. queue_size: requests that may queue.
    """

    time_cost: int = 2
    memory_kib: int = 19_456
    parallelism: int = 1
    workers: int = 2
    queue_size: int = 64


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Lifetimes in seconds. idle_s: of an unused refresh token. max_age_s: of a session, used or not."""

    idle_s: int
    max_age_s: int


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """Wait after wrong passwords of an address at one network or device. free_failures: without a wait; each further
    one doubles it, from 2 s to max_wait_s. forget_after_s: the count starts anew after so many seconds without a
    failure.

    address_failures, network_failures: of an address from all networks, and of a network at all addresses, after which
    sign-ins without a known device wait for the end of the window of window_s seconds that the first one began.
    """

    free_failures: int = 5
    max_wait_s: int = 900
    forget_after_s: int = DAY_S
    address_failures: int = 100
    network_failures: int = 200
    window_s: int = 3_600

    def wait_s(self, failures: int) -> int:
        """Returns the seconds that an address waits after so many consecutive failures."""
        if failures <= self.free_failures:
            return 0
        doublings = min(failures - self.free_failures, 32)
        return int(min(2**doublings, self.max_wait_s))


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """All times in seconds. refresh_grace_s: how long a used refresh token is accepted again, for clients that lose
    responses or refresh twice at once; 0 accepts none. issuer: our name in an authenticator app. recent_s: how long
    after a sign-in, or a further proof of who they are, people may do sensitive things."""

    user: SessionPolicy = SessionPolicy(idle_s=14 * DAY_S, max_age_s=90 * DAY_S)
    admin: SessionPolicy = SessionPolicy(idle_s=3_600, max_age_s=12 * 3_600)
    sso: SessionPolicy = SessionPolicy(idle_s=12 * 3_600, max_age_s=12 * 3_600)
    lock: LockPolicy = LockPolicy()
    refresh_grace_s: int = 0
    verify_s: int = 2 * DAY_S
    reset_s: int = 3_600
    issuer: str = "Vocalized"
    recent_s: int = 900
