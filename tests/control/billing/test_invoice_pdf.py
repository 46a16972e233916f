"""Invoices as PDF: all of the text is there, on as many pages as it takes."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from control.billing.invoices.pdf import make_pdf
from control.billing.invoices.rules import Invoice, InvoiceDocument, InvoiceLine, Payment

ISSUED = datetime(2026, 12, 2, 9, tzinfo=UTC)


def invoice(name: str = "Riverside Dental") -> Invoice:
    return Invoice(
        id=UUID(int=1), workspace_id=UUID(int=2), billing_period_id=None, number="2026-000001", sink="own",
        stripe_invoice_id=None, status="pending", currency="usd", subtotal=Decimal("61.00"), tax=Decimal("0.00"),
        amount=Decimal("61.00"), amount_paid=Decimal("0.00"), amount_refunded=Decimal("0.00"),
        period_start=datetime(2026, 11, 1, tzinfo=UTC), period_end=datetime(2026, 12, 1, tzinfo=UTC), timezone="UTC",
        customer_name=name, customer_country="US", customer_tax_id="", invoice_pdf_url=None, issued_at=ISSUED,
        due_at=ISSUED + timedelta(days=14), paid_at=None, voided_at=None, voided_why=None, created_at=ISSUED,
    )  # fmt: skip


def line(position: int) -> InvoiceLine:
    return InvoiceLine(
        id=UUID(int=position), position=position, kind="minutes", key=str(position), is_adjustment=False,
        description=f"Calls on plan Starter, part {position}", billing_period_id=None, since=None, until=None,
        tier_name="starter", plan_version=1, phone_number_id=None, grant_id=None, tax_rate=None,
        quantity=Decimal(6_000), unit="second", exact=Decimal("12"), amount=Decimal("12.00"), tax=Decimal(0),
    )  # fmt: skip


def pdf(lines: int, name: str = "Riverside Dental") -> bytes:
    payment = Payment(
        id=UUID(int=3), workspace_id=UUID(int=2), invoice_id=UUID(int=1), kind="payment", amount=Decimal("1.00"),
        currency="usd", method="bank_transfer", at=ISSUED,
    )  # fmt: skip
    issuer = ("Vocalized", "Street 1, Town")
    return make_pdf(InvoiceDocument(issuer, invoice(name), [line(number) for number in range(1, lines + 1)], [payment]))


def texts(content: bytes) -> str:
    """The text of all pages: glyphs by the font's own table of characters (PDF 1.7, section 9.10.3)."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    streams = [zlib.decompress(data) if data[:1] == b"x" else data for data in found]
    glyphs: list[dict[int, str]] = []
    for stream in streams:
        if b"beginbfchar" in stream:
            pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]{4})>", stream)
            glyphs.append({int(glyph, 16): chr(int(letter, 16)) for glyph, letter in pairs})
    shown = b"".join(stream for stream in streams if b" Tf" in stream)
    return "\n".join("/".join(decoded(text, table) for table in glyphs) for text in strings(shown))


def strings(stream: bytes) -> list[bytes]:
    """Strings in parentheses, without their escapes (section 7.3.4.2)."""
    found = re.findall(rb"\(((?:\\.|[^\\()])*)\) ?Tj", stream, re.DOTALL)
    escapes = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
    return [re.sub(rb"\\(.)", lambda match: escapes.get(match[1], match[1]), text, flags=re.DOTALL) for text in found]


def decoded(text: bytes, table: dict[int, str]) -> str:
    return "".join(table.get(int.from_bytes(text[at : at + 2]), "?") for at in range(0, len(text), 2))


def test_the_same_invoice_is_the_same_file_and_says_everything() -> None:
    content = pdf(1)
    assert content == pdf(1)
    shown = texts(content)
    for part in ("Invoice 2026-000001", "Riverside Dental", "Street 1, Town", "Calls on plan Starter, part 1",
                 "100.0 min", "12.00 USD", "61.00 USD", "16 December 2026", "1 Nov 2026 to 30 Nov 2026"):  # fmt: skip
        assert part in shown, part


def test_long_invoices_take_several_pages() -> None:
    content = pdf(120)
    assert len(re.findall(rb"/Type /Page\b", content)) == 4
    shown = texts(content)
    assert all(f"part {number}" in shown for number in (1, 60, 120))


def test_letters_that_the_font_lacks_are_question_marks() -> None:
    shown = texts(pdf(1, "Zahnärzte Łódź Ω Ж 日本"))
    assert "Zahnärzte Łódź Ω Ж ??" in shown


def test_a_long_name_continues_on_further_lines() -> None:
    """A letter of the widest kind takes 3.1 mm of the 170 mm between the margins."""
    shown = texts(pdf(1, "W" * 200))
    found = [len(run) for run in re.findall("W{9,}", shown)]
    assert sum(found) == 200 and max(found) < 60


def test_a_name_is_not_read_as_the_number_of_pages() -> None:
    shown = texts(pdf(60, "{nb}"))
    assert "(nb)" in shown
    assert re.findall(r"Page (\d) of [^\n]*\n(\d)/", shown) == [("1", "2"), ("2", "2")], (
        "the number is a text of its own"
    )


@pytest.mark.parametrize(
    "name", ["a\x00\x07\x1b\x7f\ud800b", "\u202eevil\u202c", "👩\u200d👧 Ltd", "شركة", "e\u0301" * 50]
)
def test_every_name_gives_a_pdf(name: str) -> None:
    shown = texts(pdf(1, name))
    assert "Invoice 2026-000001" in shown and not re.search("[\x00-\x08\u202a-\u202e]", shown)
