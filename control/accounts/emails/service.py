"""Delivery of e-mails, and limits for e-mails that strangers can trigger."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default as USUAL
from email.utils import formatdate
from hashlib import sha256
from typing import Final, Literal, Protocol
from urllib.parse import quote

import msgspec

from control.accounts.emails import queries
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.platform.service import Platform
from shared.errors import TooManyRequests
from shared.ids import new_id
from shared.secrets import Sealer

EMAIL_JOB: Final = "mail.send"
_PURPOSE: Final = "mail"


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail to a single recipient.

    Attributes:
        text: Plain text.
        id: Part of the Message-ID, which stays the same if the e-mail is sent twice.
    """

    to: str
    subject: str
    text: str
    html: str | None = None
    id: str = field(default_factory=new_id)


class EmailQueue:
    """Enqueues e-mails and creates their links."""

    def __init__(self, sealer: Sealer, base_url: str) -> None:
        """Create the queue.

        Args:
            base_url: Prefix of links in e-mails: the address of the console or the client portal.
        """
        self._sealer = sealer
        self._base_url = base_url.rstrip("/")

    def link(self, path: str, token: str) -> str:
        """Return a link with a token. The token follows `#`, because browsers do not send that part to servers."""
        return f"{self._base_url}/{path.lstrip('/')}#token={quote(token, safe='')}"

    def page(self, path: str) -> str:
        """Return the address of a page that requires a sign-in, so that the link needs no token."""
        return f"{self._base_url}/{path.lstrip('/')}"

    async def enqueue(self, db: Connection, email: Email) -> None:
        """Enqueue the e-mail in the current transaction, so that it is sent only if the transaction commits."""
        await enqueue(db, EMAIL_JOB, self._sealer.seal(msgspec.json.encode(asdict(email)), _PURPOSE))


# Kinds are counted separately, so that many invitations to an address do not block the password reset e-mail.
LetterKind = Literal["invitation", "confirmation", "password_reset"]
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class LetterLimits:
    """Limits the e-mails that strangers can trigger.

    E-mails are counted per recipient across all senders, so that nobody can flood a mailbox through the platform. The
    transaction that sends an e-mail counts it. The limits are platform settings.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def admits(self, db: Connection, kind: LetterKind, to: str, now: datetime) -> bool:
        """Return whether another e-mail of this kind may be sent to the address. If so, count it."""
        per_hour = await self._platform.setting(db, "letters_per_hour")
        per_day = await self._platform.setting(db, "letters_per_day")
        recipient = sha256(f"{kind}\0{to}".encode()).digest()
        return await queries.count_letter(db, recipient, now, now - _HOUR, now - _DAY, per_hour, per_day)

    async def require(self, db: Connection, kind: LetterKind, to: str, now: datetime) -> None:
        """Count an e-mail. Raises TooManyRequests (letter_limit)."""
        if not await self.admits(db, kind, to, now):
            raise TooManyRequests(
                "This address was sent many letters of this kind; wait before the next.",
                code="letter_limit",
                retry_after_s=int(_HOUR.total_seconds()),
            )

    async def purge(self, db: Connection, now: datetime, most: int) -> int:
        """Delete up to `most` counts of days that have ended. Return the number of deleted rows."""
        return await queries.purge(db, now - _DAY, most)


class EmailFailed(Exception):
    """The gateway did not accept an e-mail. The message contains no address."""


class EmailUnavailable(EmailFailed):
    """The mail server is unreachable or refuses temporarily. The job is retried."""


class EmailRefused(EmailFailed):
    """The mail server refuses this e-mail permanently."""


class EmailGateway(Protocol):
    """Sends e-mails."""

    async def send(self, message: EmailMessage) -> None:
        """Send an e-mail. Raises EmailUnavailable, EmailRefused."""


# Keeps links on one line and unencoded, because e-mails in a folder are read with a text editor.
_LONG_LINES: Final = USUAL.clone(max_line_length=500)


class EmailSender:
    """Sends the e-mails from an EmailQueue, with `sender` as the From address."""

    def __init__(self, sealer: Sealer, gateway: EmailGateway, sender: str) -> None:
        self._sealer = sealer
        self._gateway = gateway
        self._sender = sender

    async def send(self, payload: bytes) -> None:
        """Run the job. Raises EmailUnavailable (retried), EmailRefused and shared.secrets.UnsealError (permanent)."""
        email = msgspec.json.decode(self._sealer.open(payload, _PURPOSE), type=Email)
        await self._gateway.send(self._message(email))

    def _message(self, email: Email) -> EmailMessage:
        message = EmailMessage(_LONG_LINES)
        message["From"] = self._sender
        message["To"] = email.to
        message["Subject"] = email.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{email.id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(email.text)
        if email.html is not None:
            message.add_alternative(email.html, subtype="html")
        return message
