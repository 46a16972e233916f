"""Where mail goes: an SMTP server, or a folder of one file a mail. The only importer of aiosmtplib."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib

from control.accounts.mail import Gateway, MailRefused, MailUnavailable
from shared.ids import new_id

_PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """tls: "start" (STARTTLS, demanded), "on" (from the first byte) or "off" (a server on this machine)."""

    host: str
    port: int
    tls: str = "start"
    username: str | None = None
    password: str | None = None


class SmtpGateway:
    """One connection a mail. timeout_s: for the whole exchange. trust: whose certificates are taken."""

    def __init__(self, server: SmtpServer, timeout_s: float = 20.0, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._trust = trust or ssl.create_default_context()

    async def send(self, message: EmailMessage) -> None:
        """Raises MailUnavailable, MailRefused."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(message)
        except TimeoutError:
            raise MailUnavailable(f"no mail server's answer within {self._timeout_s:g} s") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _by_code(error.recipients[0].code, "the recipient was refused") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            # Our own fault, not this mail's: it waits until the settings are right.
            raise MailUnavailable(f"the mail server refused our sign-in: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _by_code(error.code, "the mail was refused") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailUnavailable(f"the mail server cannot be used: {type(error).__name__}") from None

    async def _exchange(self, message: EmailMessage) -> None:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, username=server.username, password=server.password,
            use_tls=server.tls == "on", start_tls=server.tls == "start", tls_context=self._trust,
            timeout=self._timeout_s,
        )  # fmt: skip
        async with client:
            await client.send_message(message)


class MailFolder:
    """One .eml file a mail, readable for its owner only; a file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Raises MailUnavailable."""
        try:
            await asyncio.to_thread(self._write, message.as_bytes())
        except OSError as error:
            raise MailUnavailable(f"the mail folder cannot be written: {type(error).__name__}") from None

    def _write(self, text: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{new_id()}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(text)
        unfinished.rename(path)


def open_gateway(url: str, timeout_s: float = 20.0, trust: ssl.SSLContext | None = None) -> Gateway:
    """file:///folder · smtps://user:password@host · smtp://user:password@host:587 (STARTTLS demanded) ·
    smtp://localhost:25?tls=off. Raises ValueError, which tells no password."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return MailFolder(Path(unquote(parts.path)))
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


def _by_code(code: int, what: str) -> MailUnavailable | MailRefused:
    """4xx is for now, 5xx for ever (RFC 5321, 4.2.1)."""
    return (MailRefused if code >= 500 else MailUnavailable)(f"{what}: {code}")
