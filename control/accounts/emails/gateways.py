"""E-mail gateways: an SMTP server, or a folder with a file per e-mail. Only this module imports aiosmtplib."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib

from control.accounts.emails.service import EmailGateway, EmailRefused, EmailUnavailable
from shared.ids import new_id

_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Address of an SMTP server.

    Attributes:
        tls: "start" (STARTTLS is required), "on" (from the first byte) or "off" (same host).
    """

    host: str
    port: int
    tls: str = "start"
    username: str | None = None
    password: str | None = None


class SmtpGateway:
    """Sends e-mails through an SMTP server, with a connection per e-mail.

    Args:
        timeout_s: Time limit of the whole exchange in seconds.
        trust: TLS context with the accepted certificates.
    """

    def __init__(self, server: SmtpServer, timeout_s: float = 20.0, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._trust = trust or ssl.create_default_context()

    async def send(self, message: EmailMessage) -> None:
        """Send an e-mail. Raises EmailUnavailable, EmailRefused."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(message)
        except TimeoutError:
            raise EmailUnavailable(f"no mail server's answer within {self._timeout_s:g} s") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _reply_error(error.recipients[0].code, "the recipient was refused") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            # The settings are wrong, not this e-mail. The job is retried until the settings are corrected.
            raise EmailUnavailable(f"the mail server refused our sign-in: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _reply_error(error.code, "the mail was refused") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise EmailUnavailable(f"the mail server cannot be used: {type(error).__name__}") from None

    async def _exchange(self, message: EmailMessage) -> None:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "on",
            start_tls=server.tls == "start",
            tls_context=self._trust,
            timeout=self._timeout_s,
        )
        async with client:
            await client.send_message(message)


class EmailFolder:
    """Writes a .eml file per e-mail, readable only by the owner. A file gets its final name once it is complete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write an e-mail to a file. Raises EmailUnavailable."""
        try:
            await asyncio.to_thread(self._write, message.as_bytes())
        except OSError as error:
            raise EmailUnavailable(f"the mail folder cannot be written: {type(error).__name__}") from None

    def _write(self, text: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{new_id()}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(text)
        unfinished.rename(path)


def open_gateway(url: str, timeout_s: float = 20.0, trust: ssl.SSLContext | None = None) -> EmailGateway:
    """Open the gateway for a URL. Raises ValueError without the password in its message.

    The forms are file:///folder, smtps://user:password@host, smtp://user:password@host:587 (STARTTLS required) and
    smtp://localhost:25?tls=off.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return EmailFolder(Path(unquote(parts.path)))
    if parts.scheme in _PORTS and parts.hostname:
        return SmtpGateway(_server(parts), timeout_s, trust)
    raise ValueError("a mail URL is file:///folder, smtp://host or smtps://host")


def _server(parts: SplitResult) -> SmtpServer:
    tls = "on" if parts.scheme == "smtps" else parse_qs(parts.query).get("tls", ["start"])[0]
    if tls not in ("start", "on", "off"):
        raise ValueError("tls is start, on or off")
    if tls == "off" and parts.username:
        raise ValueError("a password is not sent without TLS")
    username, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return SmtpServer(parts.hostname or "", parts.port or _PORTS[parts.scheme], tls, username, password)


def _reply_error(code: int, what: str) -> EmailUnavailable | EmailRefused:
    """Return the error for an SMTP reply: 4xx is a temporary refusal, 5xx a permanent refusal (RFC 5321, section
    4.2.1).
    """
    return (EmailRefused if code >= 500 else EmailUnavailable)(f"{what}: {code}")
