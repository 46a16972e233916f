"""The password check of a sign-in: known devices, and growing waits after failures."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Final

from control.accounts.passwords import Passwords
from control.accounts.rules import LockPolicy, network_of
from control.accounts.sign_ins import queries
from control.accounts.sign_ins.queries import CountedFailure, FailureCount
from control.db.pool import Connection
from control.http.access_tokens import Audience
from control.http.body import DEVICE_TOKEN_LENGTH
from shared.errors import TooManyRequests, Unauthorised
from shared.secrets import Sealer

LIFETIME_S: Final = 365 * 86_400
# A token older than this is replaced at a sign-in.
RENEW_S: Final = 30 * 86_400
# Characters of a token.
LENGTH: Final = DEVICE_TOKEN_LENGTH
_PURPOSE: Final = "known devices"
_ID_BYTES, _TIME_BYTES, _MAC_BYTES = 16, 8, 32


class DeviceTokens:
    """Issues and reads tokens. Those of a rotated secret key are good for as long as the key is listed."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.derive(_PURPOSE)

    def issue(self, audience: Audience, email: str, now: datetime) -> str:
        """A token for a new device of this account."""
        body = secrets.token_bytes(_ID_BYTES) + int(now.timestamp()).to_bytes(_TIME_BYTES)
        return urlsafe_b64encode(body + _sign(self._keys[0], audience, email, body)).decode().rstrip("=")

    def read(self, audience: Audience, email: str, token: str, now: datetime) -> bytes | None:
        """The device's id; None for what is no token of this account, or is too old."""
        decoded = _decode(token)
        body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
        if len(body) != _ID_BYTES + _TIME_BYTES or _age_s(body, now) > LIFETIME_S:
            return None
        if any(hmac.compare_digest(_sign(key, audience, email, body), mac) for key in self._keys):
            return body[:_ID_BYTES]
        return None

    def renewed(self, audience: Audience, email: str, token: str, now: datetime) -> str:
        """The token that a client is to keep after a sign-in: the presented one while it is good and young."""
        if self.read(audience, email, token, now) is None or _age_s(_decode(token)[:-_MAC_BYTES], now) > RENEW_S:
            return self.issue(audience, email, now)
        return token


def _age_s(body: bytes, now: datetime) -> float:
    return now.timestamp() - int.from_bytes(body[_ID_BYTES:])


def _decode(token: str) -> bytes:
    """Empty for what is not base64url."""
    try:
        return urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""


def _sign(key: bytes, audience: Audience, email: str, body: bytes) -> bytes:
    return hmac.digest(key, body + f"{audience}\0{email}".encode(), sha256)


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Who signs in. network: where the request comes from. device: the id of a known device of this address; None
    without proof of one."""

    audience: Audience
    email: str
    network: str
    device: bytes | None = None

    @property
    def source(self) -> bytes:
        """The address at this network, or at this device."""
        if self.device is not None:
            return _subject("device", self.email, self.device.hex())
        return _subject("address at network", self.email, self.network)

    @property
    def codes(self) -> bytes:
        """Codes of the second factor, which only those try who know the password: wherever they come from."""
        return _subject("codes", self.email)


@dataclass(frozen=True, slots=True)
class RightPassword:
    """A password that was right. needs_rehash: as of PasswordCheck. has_failed: wrong ones of this source were counted
    before it."""

    needs_rehash: bool
    has_failed: bool


class SignInThrottle:
    """Checks passwords and counts failures in the database, so that the count holds across restarts and processes."""

    def __init__(self, passwords: Passwords, policy: LockPolicy, devices: DeviceTokens) -> None:
        self._passwords = passwords
        self._policy = policy
        self._devices = devices

    def attempt(self, audience: Audience, email: str, address: str, device: str | None, now: datetime) -> SignInAttempt:
        """address: the client's IP. device: the token that it presented."""
        known = self._devices.read(audience, email, device, now) if device else None
        return SignInAttempt(audience, email, network_of(address), known)

    def device_token(self, attempt: SignInAttempt, presented: str | None, now: datetime) -> str:
        """The token that the client keeps after its sign-in."""
        return self._devices.renewed(attempt.audience, attempt.email, presented or "", now)

    async def check_password(
        self, db: Connection, attempt: SignInAttempt, known: str | None, password: str, now: datetime
    ) -> RightPassword:
        """Checks the password. Raises TooManyRequests (before the check and after it), Unauthorised, Unavailable.

        known: the hash; None for an unknown account, refused after the same work. Call `accept` with the result when
        the whole sign-in succeeds.
        """
        await self.refuse_locked(db, attempt, now)
        verdict = await self._passwords.check(known, password)
        if not verdict.is_correct:
            raise await self.count_failure(db, attempt, now)
        # Concurrent guesses may have locked it meanwhile: whoever made them must not learn that this one is right.
        has_failed = await self.refuse_locked(db, attempt, now)
        return RightPassword(verdict.needs_rehash, has_failed)

    async def refuse_locked(self, db: Connection, attempt: SignInAttempt, now: datetime) -> bool:
        """Raises TooManyRequests while the sign-in has to wait. Returns whether failures of its source are counted."""
        spread = self._spread_limits(attempt)
        counts = await queries.select_counts(db, attempt.audience, [attempt.source, *spread])
        waits = [_lock_end(counts.get(attempt.source))]
        waits += [self._window_end(counts.get(subject), most) for subject, most in spread.items()]
        _refuse(max(waits), now)
        return attempt.source in counts

    async def refuse_codes(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """Raises TooManyRequests while codes of the account's second factor have to wait."""
        counts = await queries.select_counts(db, attempt.audience, [attempt.codes])
        _refuse(_lock_end(counts.get(attempt.codes)), now)

    async def count_failure(self, db: Connection, attempt: SignInAttempt, now: datetime) -> Unauthorised:
        """Counts a failure; returns the error to raise, which commits the count."""
        await self._count(db, attempt, attempt.source, self._spread_limits(attempt), now)
        return Unauthorised("Address or password is wrong.", code="invalid_credentials", commits=True)

    async def count_code(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """Counts a wrong code of the second factor."""
        await self._count(db, attempt, attempt.codes, {}, now)

    async def accept(self, db: Connection, attempt: SignInAttempt, password: RightPassword) -> None:
        """Clears the failures of this source after a successful sign-in; most have none."""
        if password.has_failed:
            await queries.delete_subject(db, attempt.audience, attempt.source)

    async def accept_code(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """As `accept`, of codes."""
        await self.refuse_codes(db, attempt, now)
        await queries.delete_subject(db, attempt.audience, attempt.codes)

    async def clear_failures(self, db: Connection, audience: Audience, email: str) -> None:
        """Clears the failures of an address after a reset by e-mail. Wrong codes still count: a mailbox proves nothing
        about the second factor."""
        await queries.delete_address(db, audience, address_hash(email), kept=_subject("codes", email))

    def oldest_relevant_failure(self, now: datetime) -> datetime:
        """Returns the moment before which recorded failures may be deleted."""
        policy = self._policy
        return now - timedelta(seconds=max(policy.forget_after_s, policy.max_wait_s, policy.window_s))

    def _spread_limits(self, attempt: SignInAttempt) -> dict[bytes, int]:
        """Failures within the window after which sign-ins wait for its end, by subject. None of a known device."""
        if attempt.device is not None:
            return {}
        return {
            _subject("address", attempt.email): self._policy.address_failures,
            _subject("network", attempt.network): self._policy.network_failures,
        }

    def _window_end(self, count: FailureCount | None, most: int) -> datetime:
        if count is None or count.failures < most:
            return _LONG_AGO
        return count.started_at + timedelta(seconds=self._policy.window_s)

    async def _count(
        self, db: Connection, attempt: SignInAttempt, source: bytes, spread: dict[bytes, int], now: datetime
    ) -> None:
        policy, address = self._policy, address_hash(attempt.email)
        forget = now - timedelta(seconds=policy.forget_after_s)
        counted = [CountedFailure(source, address, _LONG_AGO, forget)]
        for subject in spread:
            owner = None if subject == _subject("network", attempt.network) else address
            counted.append(CountedFailure(subject, owner, now - timedelta(seconds=policy.window_s), _LONG_AGO))
        failures = await queries.count_failures(db, attempt.audience, counted, now)
        if wait_s := policy.wait_s(failures[source]):
            await queries.lock_subject(db, attempt.audience, source, now + timedelta(seconds=wait_s))


def address_hash(email: str) -> bytes:
    """Under which an address's failures are found."""
    return sha256(email.encode()).digest()


def _subject(kind: str, *parts: str) -> bytes:
    return sha256("\0".join((kind, *parts)).encode()).digest()


def _lock_end(count: FailureCount | None) -> datetime:
    return _LONG_AGO if count is None or count.locked_until is None else count.locked_until


def _refuse(until: datetime, now: datetime) -> None:
    if until > now:
        raise TooManyRequests(
            "Too many wrong sign-ins; wait before the next.",
            code="sign_in_locked",
            retry_after_s=ceil((until - now).total_seconds()),
        )
