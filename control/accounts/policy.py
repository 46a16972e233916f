"""The figures that the rules of accounts run on; the settings fill them in."""

from dataclasses import dataclass

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class HashPolicy:
    """argon2id as OWASP's password storage cheat sheet asks for: 19 MiB, two passes, one lane.

    workers: hashes at once, so memory is workers x memory_kib. waiting: requests that may queue for one.
    """

    time_cost: int = 2
    memory_kib: int = 19_456
    parallelism: int = 1
    workers: int = 2
    waiting: int = 64


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """idle_s: how long a refresh token waits for its use. longest_s: after that a sign-in is over in any case."""

    idle_s: int
    longest_s: int


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """free_failures: wrong passwords without a wait; each one more doubles it, from 2 s up to longest_s.

    forget_after_s: a failure counts no more after that long without another.
    """

    free_failures: int = 5
    longest_s: int = 900
    forget_after_s: int = DAY_S

    def wait_s(self, failures: int) -> int:
        """Seconds that an address waits after this many failures in a row."""
        if failures <= self.free_failures:
            return 0
        doublings = min(failures - self.free_failures, 32)
        return int(min(2**doublings, self.longest_s))


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """Seconds throughout. refresh_grace_s: how long a used refresh token is taken again, for clients that lose answers
    or refresh twice at once; 0 is strict. issuer: what an authenticator app calls us."""

    user: SessionPolicy = SessionPolicy(idle_s=14 * DAY_S, longest_s=90 * DAY_S)
    admin: SessionPolicy = SessionPolicy(idle_s=3_600, longest_s=12 * 3_600)
    lock: LockPolicy = LockPolicy()
    refresh_grace_s: int = 0
    verify_s: int = 2 * DAY_S
    reset_s: int = 3_600
    issuer: str = "Vocalized"
