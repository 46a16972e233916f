"""Mail: written down as a sealed job in the change's own transaction, and delivered later by the worker."""

from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from email.policy import default as USUAL
from email.utils import formatdate
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.ids import new_id
from shared.secrets import Sealer

JOB: Final = "mail.send"
_PURPOSE: Final = "mail"
# So that a link stays on one line, unencoded: a mail in a folder is read with a text editor.
_WIDE: Final = USUAL.clone(max_line_length=500)


class MailFault(Exception):
    """A mail was not taken. The message names no address."""


class MailUnavailable(MailFault):
    """The mail server cannot be reached or says later: worth another try."""


class MailRefused(MailFault):
    """The mail server will never take this mail."""


@dataclass(frozen=True, slots=True)
class Mail:
    """text: plain. id: becomes its Message-ID, so that a mail sent twice can be told."""

    to: str
    subject: str
    text: str
    html: str | None = None
    id: str = field(default_factory=new_id)


class Gateway(Protocol):
    """Takes mails to the world."""

    async def send(self, message: EmailMessage) -> None:
        """Raises MailUnavailable, MailRefused."""


class Mailer:
    """Sends by writing a job. links: the portals' base URL, which links in mails begin with."""

    def __init__(self, sealer: Sealer, links: str) -> None:
        self._sealer = sealer
        self._links = links.rstrip("/")

    def link(self, path: str, token: str) -> str:
        """A link of the client portal. The token stands behind `#`, which browsers send to no server and no log."""
        return f"{self._links}/{path.lstrip('/')}#token={quote(token, safe='')}"

    async def send(self, db: Connection, mail: Mail) -> None:
        """Part of the caller's transaction: no commit, no mail."""
        await enqueue(db, JOB, self._sealer.seal(msgspec.json.encode(asdict(mail)), _PURPOSE))


class Postman:
    """Delivers what a Mailer wrote. sender: the From address."""

    def __init__(self, sealer: Sealer, gateway: Gateway, sender: str) -> None:
        self._sealer = sealer
        self._gateway = gateway
        self._sender = sender

    async def deliver(self, payload: bytes) -> None:
        """The job's work. Raises MailUnavailable (try again), MailRefused and shared.secrets.Unsealable (give up)."""
        mail = msgspec.json.decode(self._sealer.open(payload, _PURPOSE), type=Mail)
        await self._gateway.send(self._message(mail))

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(_WIDE)
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{mail.id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
        return message
