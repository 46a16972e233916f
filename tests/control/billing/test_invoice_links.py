"""Links to invoices that need no sign-in."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from control.billing.invoices.links import InvoiceLinks
from shared.errors import NotFound

NOW = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32
LONG, OTHER = b"l" * 64, b"x" * 64


def test_link_outlives_a_rotation_of_keys_and_expires() -> None:
    workspace, invoice = uuid4(), uuid4()
    token = InvoiceLinks([OLD]).sign(workspace, invoice, NOW)
    rotated = InvoiceLinks([NEW, OLD])
    assert rotated.read(token, NOW + timedelta(hours=1)) == (workspace, invoice)
    with pytest.raises(NotFound):
        rotated.read(token, NOW + timedelta(hours=2))
    with pytest.raises(NotFound):
        InvoiceLinks([NEW]).read(token, NOW)


@pytest.mark.parametrize(
    ("key", "algorithm", "changed"),
    [
        (OTHER, "HS256", {}),
        ("", "none", {}),
        (LONG, "HS512", {}),
        (LONG, "HS256", {"aud": "access"}),
        (LONG, "HS256", {"exp": None}),
        (LONG, "HS256", {"invoice": "1"}),
    ],
)
def test_forged_links_are_refused(key: bytes | str, algorithm: str, changed: dict[str, object]) -> None:
    """Another key, algorithm or audience; no end; no id."""
    until = int((NOW + timedelta(hours=1)).timestamp())
    claims = {"aud": "invoice", "workspace": str(uuid4()), "invoice": str(uuid4()), "exp": until}
    links = InvoiceLinks([LONG])
    links.read(jwt.encode(claims, LONG, algorithm="HS256"), NOW)
    with pytest.raises(NotFound):
        links.read(jwt.encode(claims | changed, key, algorithm=algorithm), NOW)
