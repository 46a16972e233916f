"""Emails that the platform wrote as files."""

import email
from email import policy
from pathlib import Path


def read_email(path: Path) -> str:
    """The decoded plain text of an email's file; empty when it has none. Decoding by hand would mistake a token that
    begins with hexadecimal digits for quoted-printable (RFC 2045, 6.7)."""
    message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    text: str = body.get_content() if body is not None else ""
    return text
