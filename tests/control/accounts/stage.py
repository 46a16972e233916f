"""Accounts on a real database: each call a transaction as the API makes it, and a worker that runs jobs when told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TypeVar
from uuid import uuid4

from control.accounts import mail, proofs
from control.accounts.access_tokens import AccessTokens
from control.accounts.mail import Mailer, Postman
from control.accounts.passwords import Passwords
from control.accounts.policy import AccountPolicy, HashPolicy
from control.accounts.service import Accounts, SignedIn
from control.db.pool import Connection, Pool, open_pool
from control.http.transaction import in_transaction
from control.platform.service import Platform
from shared.secrets import Sealer

T = TypeVar("T")
KEY = bytes(range(32))
CHEAP = HashPolicy(time_cost=1, memory_kib=64, workers=2, waiting=200)
PASSWORD = "a fine long pass phrase"
# Of the database's own time, by which sessions are judged in the requests that follow.
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Here:
    """Where a test's requests come from."""

    request_id: str = "test"
    address: str = "192.0.2.7"
    user_agent: str = "tests"


@dataclass(frozen=True, slots=True)
class Kept:
    """A gateway that keeps what it is given."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def send(self, message: EmailMessage) -> None:
        self.messages.append(message)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test of accounts needs."""

    pool: Pool
    sealer: Sealer
    tokens: AccessTokens
    passwords: Passwords
    accounts: Accounts

    async def ask(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """One request's transaction: a Problem that keeps is committed."""
        return await in_transaction(self.pool, work, lambda: None)

    async def sign_up(self, email: str = "", password: str = PASSWORD) -> SignedIn:
        """Somebody new."""
        address = email or someone()
        return await self.ask(lambda db: self.accounts.sign_up(db, address, "Ada Lovelace", password, Here(), NOW))

    async def sign_in(self, email: str, password: str = PASSWORD, now: datetime = NOW) -> SignedIn:
        """With the password that `sign_up` gave, unless told otherwise."""
        return await self.ask(lambda db: self.accounts.sign_in(db, email, password, Here(), now))

    async def mails(self, now: datetime = NOW) -> list[EmailMessage]:
        """Runs the jobs that wait, and returns what they sent, oldest first."""
        kept = Kept()
        for payload in await self._take(proofs.RECOVER_JOB):
            await self.recover(payload, now)
        postman = Postman(self.sealer, kept, "Vocalized <no-reply@vocalized.example>")
        for payload in await self._take(mail.JOB):
            await postman.deliver(payload)
        return kept.messages

    async def recover(self, payload: bytes, now: datetime) -> None:
        """The worker's part of a forgotten password."""
        await self.ask(lambda db: self.accounts.proofs.recover(db, payload, now))

    async def lives(self, access_token: str, now: datetime = NOW) -> bool:
        """Whether a request with this token is let in."""
        session = self.tokens.read(access_token, "user", now)
        async with self.pool.transaction() as db:
            return await db.fetchrow("SELECT * FROM authorise_user($1, NULL)", session) is not None

    async def _take(self, job: str) -> list[bytes]:
        async with self.pool.transaction() as db:
            rows = await db.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING id, payload", job)
        return [row["payload"] for row in sorted(rows, key=lambda row: int(row["id"]))]


def someone() -> str:
    """An address that no other test has."""
    return f"{uuid4().hex}@example.com"


def link_token(message: EmailMessage) -> str:
    """What stands behind `#token=` in a mail."""
    text = str(message.get_content())
    return text.partition("#token=")[2].split()[0]


@asynccontextmanager
async def stage(url: str, policy: AccountPolicy | None = None, hashing: HashPolicy = CHEAP) -> AsyncIterator[Stage]:
    """A stage on a migrated database."""
    sealer, passwords = Sealer([KEY]), Passwords(hashing)
    tokens = AccessTokens(sealer.derive("access tokens"), 600)
    mailer = Mailer(sealer, "https://app.vocalized.example/")
    accounts = Accounts(
        policy=policy or AccountPolicy(), sealer=sealer, mailer=mailer, passwords=passwords, tokens=tokens,
        platform=Platform(),
    )  # fmt: skip
    try:
        async with open_pool(url, size=12) as pool:
            yield Stage(pool, sealer, tokens, passwords, accounts)
    finally:
        passwords.close()
