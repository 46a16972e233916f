"""Password checks of sign-ins: known devices, and growing waits after failures."""

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
from control.http.auth.access_tokens import Audience
from shared.errors import TooManyRequests, Unauthorized
from shared.secrets import Sealer

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in with a password.

    Attributes:
        network: Network of the client's address.
        device: Id of a known device of this e-mail address; None if the client presented no valid token.
    """

    audience: Audience
    email: str
    network: str
    device: bytes | None = None

    @property
    def source(self) -> bytes:
        """Subject of failures of this e-mail address at this network, or at this known device."""
        if self.device is not None:
            return _subject("device", self.email, self.device.hex())
        return _subject("address at network", self.email, self.network)

    @property
    def codes(self) -> bytes:
        """Subject of wrong codes of the second factor, from all networks, because anyone who tries codes has the
        password.
        """
        return _subject("codes", self.email)


@dataclass(frozen=True, slots=True)
class RightPassword:
    """A correct password.

    Attributes:
        needs_rehash: See `PasswordCheck`.
        has_failed: Whether failures of this source were counted before.
    """

    needs_rehash: bool
    has_failed: bool


# A device without a sign-in for this long is no longer known.
LIFETIME_S: Final = 365 * 86_400
# A token older than this is replaced at a sign-in.
RENEW_S: Final = 30 * 86_400
_PURPOSE: Final = "known devices"
_ID_BYTES: Final = 16
_TIME_BYTES: Final = 8
_MAC_BYTES: Final = 32


class DeviceTokens:
    """Issues and reads the tokens with which clients prove an earlier sign-in to an account.

    They are the "device cookies" of OWASP ("Slow Down Online Guessing Attacks with Device Cookies"). Failures of a
    known device are counted separately, so that guesses from elsewhere do not delay the device. A token is not a
    credential: an attacker with a stolen token only gains the free failures of one more device. Tokens under a rotated
    secret key are accepted as long as that key is listed.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.derive(_PURPOSE)

    def issue(self, audience: Audience, email: str, now: datetime) -> str:
        """Return a token for a new device of this account."""
        body = secrets.token_bytes(_ID_BYTES) + int(now.timestamp()).to_bytes(_TIME_BYTES)
        return urlsafe_b64encode(body + _sign(self._keys[0], audience, email, body)).decode().rstrip("=")

    def read(self, audience: Audience, email: str, token: str, now: datetime) -> bytes | None:
        """Return the device's id, or None if the text is not a token of this account or is too old."""
        decoded = _decode(token)
        body, mac = decoded[:-_MAC_BYTES], decoded[-_MAC_BYTES:]
        if len(body) != _ID_BYTES + _TIME_BYTES or _age_s(body, now) > LIFETIME_S:
            return None
        if any(hmac.compare_digest(_sign(key, audience, email, body), mac) for key in self._keys):
            return body[:_ID_BYTES]
        return None

    def renewed(self, audience: Audience, email: str, token: str, now: datetime) -> str:
        """Return the token that a client keeps after a sign-in: the presented token if it is valid and not due for
        renewal.
        """
        if self.read(audience, email, token, now) is None or _age_s(_decode(token)[:-_MAC_BYTES], now) > RENEW_S:
            return self.issue(audience, email, now)
        return token


def _age_s(body: bytes, now: datetime) -> float:
    return now.timestamp() - int.from_bytes(body[_ID_BYTES:])


def _decode(token: str) -> bytes:
    """Decode base64url. Return empty bytes for invalid text."""
    try:
        return urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""


def _sign(key: bytes, audience: Audience, email: str, body: bytes) -> bytes:
    return hmac.digest(key, body + f"{audience}\0{email}".encode(), sha256)


class SignInThrottle:
    """Checks passwords, with growing waits after failures. Unknown addresses are treated like known addresses.

    Failures are counted for an e-mail address at a network, or at a known device, so that guesses from elsewhere do not
    delay other people. Two further counts limit distributed guessing: for an address from many networks, and from a
    network for many addresses. Known devices are exempt from these two. The counts are stored in the database, so that
    all processes share them and they survive restarts.
    """

    def __init__(self, passwords: Passwords, policy: LockPolicy, devices: DeviceTokens) -> None:
        self._passwords = passwords
        self._policy = policy
        self._devices = devices

    def attempt(self, audience: Audience, email: str, address: str, device: str | None, now: datetime) -> SignInAttempt:
        """Return the attempt for a sign-in.

        Args:
            address: The client's IP address.
            device: The device token that the client sent.
        """
        known = self._devices.read(audience, email, device, now) if device else None
        return SignInAttempt(audience, email, network_of(address), known)

    def device_token(self, attempt: SignInAttempt, presented: str | None, now: datetime) -> str:
        """Return the token that the client keeps after a sign-in."""
        return self._devices.renewed(attempt.audience, attempt.email, presented or "", now)

    async def check_password(
        self, db: Connection, attempt: SignInAttempt, known: str | None, password: str, now: datetime
    ) -> RightPassword:
        """Check the password. Raises TooManyRequests (before and after the check), Unauthorized, Unavailable.

        Args:
            known: The hash. None for an unknown account, which is refused after the same work. Call `accept` with the
                result if the whole sign-in succeeds.
        """
        await self.refuse_locked(db, attempt, now)
        verdict = await self._passwords.check(known, password)
        if not verdict.is_correct:
            raise await self.count_failure(db, attempt, now)
        # Concurrent guesses may have locked the source meanwhile. The client must not find out that this guess is
        # right.
        has_failed = await self.refuse_locked(db, attempt, now)
        return RightPassword(verdict.needs_rehash, has_failed)

    async def refuse_locked(self, db: Connection, attempt: SignInAttempt, now: datetime) -> bool:
        """Raise TooManyRequests while the sign-in must wait. Return whether failures of its source are counted."""
        spread = self._spread_limits(attempt)
        counts = await queries.select_counts(db, attempt.audience, [attempt.source, *spread])
        waits = [_lock_end(counts.get(attempt.source))]
        waits += [self._window_end(counts.get(subject), most) for subject, most in spread.items()]
        _refuse(max(waits), now)
        return attempt.source in counts

    async def refuse_codes(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """Raise TooManyRequests while codes of the account's second factor must wait."""
        counts = await queries.select_counts(db, attempt.audience, [attempt.codes])
        _refuse(_lock_end(counts.get(attempt.codes)), now)

    async def count_failure(self, db: Connection, attempt: SignInAttempt, now: datetime) -> Unauthorized:
        """Count a failure. Return the error to raise, which commits the count."""
        await self._count(db, attempt, attempt.source, self._spread_limits(attempt), now)
        return Unauthorized("Address or password is wrong.", code="invalid_credentials", commits=True)

    async def count_code(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """Count a wrong code of the second factor."""
        await self._count(db, attempt, attempt.codes, {}, now)

    async def accept(self, db: Connection, attempt: SignInAttempt, password: RightPassword) -> None:
        """Clear the failures of this source after a successful sign-in."""
        if password.has_failed:
            await queries.delete_subject(db, attempt.audience, attempt.source)

    async def accept_code(self, db: Connection, attempt: SignInAttempt, now: datetime) -> None:
        """Clear the wrong codes after a correct code. Raises TooManyRequests."""
        await self.refuse_codes(db, attempt, now)
        await queries.delete_subject(db, attempt.audience, attempt.codes)

    async def clear_failures(self, db: Connection, audience: Audience, email: str) -> None:
        """Clear the failures of an address after a reset by e-mail.

        Wrong codes are kept, because access to the mailbox proves nothing about the second factor.
        """
        await queries.delete_address(db, audience, address_hash(email), kept=_subject("codes", email))

    def oldest_relevant_failure(self, now: datetime) -> datetime:
        """Return the moment before which recorded failures may be deleted."""
        policy = self._policy
        return now - timedelta(seconds=max(policy.forget_after_s, policy.max_wait_s, policy.window_s))

    def _spread_limits(self, attempt: SignInAttempt) -> dict[bytes, int]:
        """Return by subject how many failures make sign-ins wait for the end of the window. Empty for known devices."""
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
    """Return the hash under which the failures of an e-mail address are stored."""
    return sha256(email.encode()).digest()


def _subject(kind: str, *parts: str) -> bytes:
    return sha256("\0".join((kind, *parts)).encode()).digest()


def _lock_end(count: FailureCount | None) -> datetime:
    return _LONG_AGO if count is None or count.locked_until is None else count.locked_until


def _refuse(until: datetime, now: datetime) -> None:
    if until > now:
        raise TooManyRequests(
            "Too many wrong sign-ins. Wait before the next attempt.",
            code="sign_in_locked",
            retry_after_s=ceil((until - now).total_seconds()),
        )
