"""Emails as files, as the worker writes them: links arrive whole."""

from dataclasses import asdict
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import msgspec
import pytest

from control.accounts.emails import service as emails_service
from control.accounts.emails.gateways import EmailFolder
from control.accounts.emails.service import Email, EmailQueue, EmailSender
from shared.secrets import Sealer
from vocalized.stack.accounts import find_tokens
from vocalized.stack.email_file import read_email

SEALER = Sealer([b"k" * 32])


async def deliver(folder: Path, text: str) -> None:
    """Delivers an email as the worker does."""
    email = Email("ann@example.com", "Confirm your e-mail address", text)
    sender = EmailSender(SEALER, EmailFolder(folder), "Vocalized <no-reply@vocalized.example>")
    await sender.send(SEALER.seal(msgspec.json.encode(asdict(email)), emails_service._PURPOSE))


@pytest.mark.parametrize("token", ["3Dz4-x", "20_9Fab", "plain"])
async def test_tokens_that_look_like_quoted_printable_arrive_whole(token: str, tmp_path: Path) -> None:
    link = EmailQueue(SEALER, "http://127.0.0.1:8081").link("/verify-email", token)
    await deliver(tmp_path, f"Confirm your address: {link}\n")
    assert find_tokens(tmp_path) == {token}


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
def test_every_transfer_encoding_is_decoded(encoding: str, tmp_path: Path) -> None:
    message = EmailMessage(SMTP)
    message.set_content(f"Bestätige: http://127.0.0.1:8081/{'x' * 80}#token=3Dab\n", cte=encoding)
    (tmp_path / "1.eml").write_bytes(message.as_bytes())
    assert "#token=3Dab" in read_email(tmp_path / "1.eml")
    assert find_tokens(tmp_path) == {"3Dab"}


def test_file_without_plain_text_has_no_token(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("<a href='#token=abc'>", subtype="html")
    (tmp_path / "1.eml").write_bytes(message.as_bytes())
    (tmp_path / "2.eml").touch()
    assert find_tokens(tmp_path) == set()
