"""E-mails from a transaction to a real SMTP server or a folder, and failures."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from control.accounts.emails import service as emails_service
from control.accounts.emails.gateways import EmailFolder, SmtpGateway, SmtpServer, open_gateway
from control.accounts.emails.service import Email, EmailQueue, EmailRefused, EmailSender, EmailUnavailable
from control.db.pool import open_pool
from shared.secrets import Sealer, UnsealError

SENDER = "Vocalized <no-reply@vocalized.example>"
sealer = Sealer([b"k" * 32])


@dataclass
class Mailbox:
    """Replies of the SMTP server and the messages it received."""

    rcpt: str = "250 OK"
    data: str = "250 OK"
    received: list[Message] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(message_from_bytes(envelope.content, policy=default))
        self.encrypted.append(session.ssl is not None)
        return self.data


@dataclass(frozen=True)
class Certificate:
    """TLS contexts of the server and of a client that trusts it."""

    server: ssl.SSLContext
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Certificate(server, ssl.create_default_context(cafile=str(file)))


Serve = Callable[..., Awaitable[int]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a mail server on a free port, which it returns. tls: TLS from the first byte."""
    running: list[asyncio.Server] = []

    async def start(mailbox: Mailbox, tls: ssl.SSLContext | None = None, **options: Any) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mailbox, hostname="mail.example", loop=loop, **options), "127.0.0.1", 0, ssl=tls
        )
        running.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in running:
        server.close()
        await server.wait_closed()


def make_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "ada@example.com", "Hello"
    message.set_content("text\n")
    return message


async def test_email_enqueued_in_a_transaction_reaches_the_server(database_url: str, serve: Serve) -> None:
    mailbox, queue = Mailbox(), EmailQueue(sealer, "https://app.example/")
    sent = Email("ada@example.com", "Grüße", f"Open {queue.link('/verify', 'a/b')}\n", "<p>Open</p>")
    async with open_pool(database_url, size=1) as pool:
        async with pool.transaction() as db:
            await queue.enqueue(db, sent)
        async with pool.transaction() as db:
            payload = await db.fetchval(
                "DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", emails_service.EMAIL_JOB
            )
    assert b"ada@example.com" not in payload
    gateway = open_gateway(f"smtp://127.0.0.1:{await serve(mailbox)}?tls=off")
    await EmailSender(sealer, gateway, SENDER).send(payload)
    await EmailSender(sealer, gateway, SENDER).send(payload)
    first, repeated = mailbox.received
    assert isinstance(first, EmailMessage)
    assert (first["To"], first["From"], first["Subject"]) == ("ada@example.com", SENDER, "Grüße")
    body = first.get_body(("plain",))
    assert body is not None and "https://app.example/verify#token=a%2Fb" in body.get_content()
    assert first["Message-ID"] == repeated["Message-ID"] == f"<{sent.id}@vocalized.example>"


async def test_email_of_a_failed_transaction_is_never_sent(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        with pytest.raises(RuntimeError):
            async with pool.transaction() as db:
                await EmailQueue(sealer, "https://app.example").enqueue(db, Email("a@example.com", "x", "x"))
                raise RuntimeError
        async with pool.transaction() as db:
            assert (
                await db.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", emails_service.EMAIL_JOB) == 0
            )


async def test_payload_sealed_with_other_keys_is_refused(tmp_path: Path) -> None:
    sender = EmailSender(Sealer([b"x" * 32]), EmailFolder(tmp_path), SENDER)
    with pytest.raises(UnsealError):
        await sender.send(sealer.seal(b"{}", "mail"))


async def test_starttls_and_password(certificate: Certificate, serve: Serve) -> None:
    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_valid = isinstance(data, LoginPassword) and (data.login, data.password) == (b"mailer", b"se:cret")
        return AuthResult(success=is_valid, handled=False)

    mailbox = Mailbox()
    port = await serve(mailbox, tls_context=certificate.server, authenticator=authenticate, auth_required=True)
    url = f"smtp://mailer:{{}}@127.0.0.1:{port}"
    await open_gateway(url.format("se%3Acret"), trust=certificate.trust).send(make_message())
    assert mailbox.encrypted == [True]
    with pytest.raises(EmailUnavailable) as error:
        await open_gateway(url.format("wrong"), trust=certificate.trust).send(make_message())
    assert "sign-in" in str(error.value) and "wrong" not in str(error.value)


async def test_tls_from_the_first_byte(certificate: Certificate, serve: Serve) -> None:
    mailbox = Mailbox()
    port = await serve(mailbox, tls=certificate.server)
    await open_gateway(f"smtps://127.0.0.1:{port}", trust=certificate.trust).send(make_message())
    assert len(mailbox.received) == 1


async def test_server_without_tls_or_with_unknown_certificate_gets_nothing(
    certificate: Certificate, serve: Serve
) -> None:
    plain, foreign = Mailbox(), Mailbox()
    for gateway in (
        open_gateway(f"smtp://127.0.0.1:{await serve(plain)}"),
        open_gateway(f"smtp://127.0.0.1:{await serve(foreign, tls_context=certificate.server)}"),
    ):
        with pytest.raises(EmailUnavailable):
            await gateway.send(make_message())
    assert plain.received == foreign.received == []


@pytest.mark.parametrize(
    ("mailbox", "error"),
    [
        (Mailbox(rcpt="550 no such user"), EmailRefused),
        (Mailbox(rcpt="451 try later"), EmailUnavailable),
        (Mailbox(data="554 spam"), EmailRefused),
        (Mailbox(data="452 full"), EmailUnavailable),
    ],
)
async def test_permanent_and_temporary_refusals_differ(mailbox: Mailbox, error: type[Exception], serve: Serve) -> None:
    with pytest.raises(error) as raised:
        await open_gateway(f"smtp://127.0.0.1:{await serve(mailbox)}?tls=off").send(make_message())
    assert "ada@" not in str(raised.value)


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts connections and sends nothing."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_silent_and_absent_servers_are_unavailable() -> None:
    async with silent_server() as port:
        with pytest.raises(EmailUnavailable):
            await SmtpGateway(SmtpServer("127.0.0.1", port, "off"), timeout_s=0.2).send(make_message())
    with pytest.raises(EmailUnavailable):
        await SmtpGateway(SmtpServer("127.0.0.1", port, "off"), timeout_s=1).send(make_message())


async def test_folder_gets_one_private_file_per_email(tmp_path: Path) -> None:
    gateway = open_gateway((tmp_path / "a b").as_uri())
    for _ in range(2):
        await gateway.send(make_message())
    files = sorted((tmp_path / "a b").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert message_from_bytes(files[0].read_bytes(), policy=default)["To"] == "ada@example.com"


def test_link_is_not_wrapped_in_the_file(tmp_path: Path) -> None:
    link = EmailQueue(sealer, "https://a-rather-long-host-name.of-the-portal.example").link("/verify-email", "t" * 43)
    message = EmailSender(sealer, EmailFolder(tmp_path), SENDER)._message(Email("a@example.com", "x", f"{link}\n"))
    asyncio.run(EmailFolder(tmp_path).send(message))
    assert [link in path.read_text() for path in sorted(tmp_path.iterdir())] == [True]


async def test_folder_that_cannot_be_created_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmailUnavailable):
        await EmailFolder(tmp_path / "file").send(make_message())


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "file://", "smtp://h?tls=maybe", "smtp://u:p@h?tls=off"])
def test_invalid_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        open_gateway(url)


def test_url_configures_the_gateway() -> None:
    gateway = open_gateway("smtps://u%40x:p%2F@mail.example")
    assert isinstance(gateway, SmtpGateway)
    assert gateway._server == SmtpServer("mail.example", 465, "on", "u@x", "p/")
