"""Accounts on a real database: each call runs in a transaction as in the API; jobs run when a test asks for it."""

from asyncio import sleep, timeout
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from tempfile import gettempdir
from threading import Event
from typing import TypeVar
from uuid import uuid4

from control.accounts.emails import service as emails_service
from control.accounts.emails.service import EmailSender
from control.accounts.passwords import Passwords
from control.accounts.rules import AccountPolicy, HashPolicy, PresentedCredentials
from control.accounts.users import service as users_service
from control.accounts.users.service import Accounts, SignInResult
from control.db.pool import Connection, Pool, open_pool
from control.db.transaction import in_transaction
from control.http.auth.access_tokens import AccessTokens
from control.http.context import RequestOrigin
from control.http.services import Services
from control.services import Policies, make_services, make_tokens
from shared.secrets import Sealer
from tests.platform.services import offline_clients

T = TypeVar("T")
KEY = bytes(range(32))
CHEAP_HASHING = HashPolicy(time_cost=1, memory_kib=64, workers=2, queue_size=200)
PASSWORD = "a fine long pass phrase"
# The current time: the database checks sessions against its own clock.
NOW = datetime.now(UTC).replace(microsecond=0)


HOME = "192.0.2.7"


@dataclass(frozen=True, slots=True)
class FixedOrigin(RequestOrigin):
    """The origin of a test's requests."""

    request_id: str = "test"
    address: str = HOME
    user_agent: str = "tests"


@dataclass(frozen=True, slots=True)
class RecordingGateway:
    """A gateway that stores the messages."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def send(self, message: EmailMessage) -> None:
        self.messages.append(message)


@dataclass(frozen=True, slots=True)
class AccountsPlatform:
    """The accounts service and its parts."""

    pool: Pool
    sealer: Sealer
    tokens: AccessTokens
    passwords: Passwords
    services: Services

    @property
    def accounts(self) -> Accounts:
        return self.services[Accounts]

    async def transact(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs `work` in a request's transaction: a Problem that commits is committed."""
        return await in_transaction(self.pool, work, lambda: None)

    async def sign_up(self, email: str = "", password: str = PASSWORD) -> SignInResult:
        """Signs up, with a new address by default."""
        address = email or new_address()
        return await self.transact(
            lambda db: self.accounts.sign_up(db, address, "Ada Lovelace", password, FixedOrigin(), NOW)
        )

    async def sign_in(
        self, email: str, password: str = PASSWORD, now: datetime = NOW, *, address: str = "", device: str | None = None
    ) -> SignInResult:
        """Signs in, with the password of `sign_up` by default."""
        presented, origin = PresentedCredentials(email, password, None, device), FixedOrigin(address=address or HOME)
        return await self.transact(lambda db: self.accounts.sign_in(db, presented, origin, now))

    async def send_emails(self, now: datetime = NOW) -> list[EmailMessage]:
        """Runs the queued jobs and returns the e-mails they sent, oldest first."""
        gateway = RecordingGateway()
        for payload in await self._dequeue(users_service.PASSWORD_RESET_JOB):
            await self.send_password_reset(payload, now)
        sender = EmailSender(self.sealer, gateway, "Vocalized <no-reply@vocalized.example>")
        for payload in await self._dequeue(emails_service.EMAIL_JOB):
            await sender.send(payload)
        return gateway.messages

    async def send_password_reset(self, payload: bytes, now: datetime) -> None:
        """Runs the worker's job that e-mails a password reset link."""
        await self.transact(lambda db: self.accounts.email_links.send_password_reset(db, payload, now))

    async def is_session_valid(self, access_token: str, now: datetime = NOW) -> bool:
        """Returns whether a request with this token is authorized."""
        session = self.tokens.read(access_token, "user", now)
        async with self.pool.transaction() as db:
            return await db.fetchrow("SELECT * FROM authorise_user($1, NULL)", session) is not None

    async def _dequeue(self, job: str) -> list[bytes]:
        async with self.pool.transaction() as db:
            rows = await db.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING id, payload", job)
        return [row["payload"] for row in sorted(rows, key=lambda row: int(row["id"]))]


def new_address() -> str:
    """Returns a unique address."""
    return f"{uuid4().hex}@example.com"


@asynccontextmanager
async def hashing_waits(passwords: Passwords) -> AsyncIterator[None]:
    """No password is checked before the block ends; what waits then is checked."""
    go_on = Event()
    for _ in range(passwords._threads._max_workers):
        passwords._threads.submit(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


async def until_a_password_waits(passwords: Passwords) -> None:
    """A sign-in has come as far as the check of its password."""
    async with timeout(10):
        while not passwords._pending:  # noqa: ASYNC110
            await sleep(0.005)


def link_token(message: EmailMessage) -> str:
    """Returns the token of the link in an e-mail."""
    text = str(message.get_content())
    return text.partition("#token=")[2].split()[0]


@asynccontextmanager
async def open_accounts(
    url: str, policy: AccountPolicy | None = None, hashing: HashPolicy = CHEAP_HASHING
) -> AsyncIterator[AccountsPlatform]:
    """Opens the platform on a migrated database."""
    sealer, passwords = Sealer([KEY]), Passwords(hashing)
    links = "https://app.vocalized.example/"
    policies = Policies(links=links, accounts=policy or AccountPolicy(), hashing=hashing)
    tokens = make_tokens(sealer, policies)
    services = make_services(sealer, policies, passwords, offline_clients(Path(gettempdir())), own=tokens)
    try:
        async with open_pool(url, size=12) as pool:
            yield AccountsPlatform(pool, sealer, tokens, passwords, services)
    finally:
        passwords.close()
