"""Links to invoices that need no sign-in."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from control.billing.invoice_links import InvoiceLinks
from shared.errors import NotFound

NOW = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32


def test_link_outlives_a_rotation_of_keys_and_expires() -> None:
    workspace, invoice = uuid4(), uuid4()
    token = InvoiceLinks([OLD]).sign(workspace, invoice, NOW)
    rotated = InvoiceLinks([NEW, OLD])
    assert rotated.read(token, NOW + timedelta(hours=1)) == (workspace, invoice)
    with pytest.raises(NotFound):
        rotated.read(token, NOW + timedelta(hours=2))
    with pytest.raises(NotFound):
        InvoiceLinks([NEW]).read(token, NOW)
