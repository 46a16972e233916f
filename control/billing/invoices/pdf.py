"""Renders an invoice as a PDF. Only this module imports fpdf, and it is loaded with the first invoice."""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont

from control.billing.invoices.fonts import read_letters
from control.billing.invoices.rules import Invoice, InvoiceDocument, InvoiceLine, format_days
from control.billing.money import format_money

# Column widths in mm: description, quantity, amount. A4 has 170 mm between its margins.
_COLUMNS: Final = (105.0, 30.0, 35.0)
_MARGIN_MM: Final = 20.0
_LINE_MM: Final = 6.0
_GRAY: Final = 110
_FONT: Final = "Roboto"
_MISSING: Final = "?"
# fpdf replaces this text with the number of pages at the end.
_PAGES: Final = "{nb}"


def make_pdf(document: InvoiceDocument) -> bytes:
    """Return the invoice as a PDF. Equal invoices give equal bytes.

    Rendering takes about 0.1 s of CPU, so call this in a thread.
    """
    page = _Page()
    page.add_fonts(document.letters, document.fonts)
    page.set_creation_date(document.invoice.issued_at or document.invoice.created_at)
    page.set_title(f"Invoice {document.invoice.number}")
    page.add_page()
    _write_head(page, document)
    _write_lines(page, document)
    _write_totals(page, document)
    return bytes(page.output())


class _Page(FPDF):
    """An A4 page in Roboto, which contains Latin, Greek and Cyrillic letters.

    Other characters come from the additional fonts. Characters that no font contains become question marks.
    """

    def __init__(self) -> None:
        super().__init__(format="A4")
        folder = files("font_roboto") / "files"
        self.add_font(_FONT, "", str(folder / "Roboto-Regular.ttf"))
        self.add_font(_FONT, "B", str(folder / "Roboto-Bold.ttf"))
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, _MARGIN_MM)
        self.alias_nb_pages(_PAGES)
        self.use(10)
        font = self.fonts[_FONT.lower()]
        assert isinstance(font, TTFFont), "Roboto is a TrueType font"
        self.known_letters = set(font.cmap)

    def add_fonts(self, letters: Set[str], files: Iterable[Path]) -> None:
        """Add the fonts that contain any of the missing characters.

        Their scripts may join letters or run from right to left, so all text is then shaped (HarfBuzz, the Unicode
        Bidirectional Algorithm).
        """
        names: list[str] = []
        missing = {ord(letter) for letter in letters} - self.known_letters
        for file in files:
            if found := missing & read_letters(file):
                names.append(f"further{len(names)}")
                self.add_font(names[-1], "", str(file))
                missing -= found
                self.known_letters |= found
        if names:
            self.set_fallback_fonts(names, exact_match=False)
            self.set_text_shaping(True)

    def footer(self) -> None:
        """Write the page number."""
        self.set_y(-15)
        self.use(8, gray=True)
        self.select_font()
        self.cell(0, 5, f"Page {self.page_no()} of {_PAGES}", align="R")

    def use(self, size: float, *, bold: bool = False, gray: bool = False) -> None:
        """Set the font for the following text."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(_GRAY if gray else 0)

    def select_font(self) -> None:
        """Make fpdf select the font again before the next text.

        After characters of an additional font, fpdf assumes that the page's font is still selected, although it is not.
        """
        self.current_font_is_set_on_page = False

    def write_row(self, cells: Sequence[str], *, bold: bool = False) -> None:
        """Write a row of the table. A long description wraps and stays on one page."""
        self.use(10, bold=bold)
        text = self.known(cells[0])
        height = self.height_of(text)
        if self.will_page_break(height):
            self.add_page()
            self.use(10, bold=bold)
        top = self.get_y()
        self.select_font()
        self.multi_cell(_COLUMNS[0], _LINE_MM, text, new_x=XPos.RIGHT, new_y=YPos.TOP)
        for width, cell in zip(_COLUMNS[1:], cells[1:], strict=True):
            self.select_font()
            self.cell(width, _LINE_MM, self.known(cell), align="R")
        self.set_xy(self.l_margin, top + height)

    def height_of(self, text: str) -> float:
        """Return the height of a description in the table, in mm."""
        height = self.multi_cell(_COLUMNS[0], _LINE_MM, text, dry_run=True, output=MethodReturnValue.HEIGHT)
        assert isinstance(height, float), "only the height was requested"
        return height

    def write_line(self, text: str, *, align: str = "L") -> None:
        """Write a line of text across the page in the current font. A long line wraps."""
        self.select_font()
        self.multi_cell(0, _LINE_MM, self.known(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def rule(self) -> None:
        """Draw a thin line across the page."""
        self.set_draw_color(_GRAY)
        self.line(self.l_margin, self.get_y() + 1, self.w - self.r_margin, self.get_y() + 1)
        self.ln(3)

    def known(self, text: str) -> str:
        """Replace characters that no font contains, and the placeholder for the number of pages."""
        shown = text.replace(_PAGES, "(nb)")
        return "".join(letter if ord(letter) in self.known_letters else _MISSING for letter in shown)


def _write_head(page: _Page, document: InvoiceDocument) -> None:
    invoice = document.invoice
    for number, line in enumerate(document.issuer):
        page.use(11 if number == 0 else 9, bold=number == 0, gray=number > 0)
        page.write_line(line, align="R")
    page.ln(6)
    page.use(18, bold=True)
    page.write_line(f"Invoice {invoice.number}")
    page.ln(4)
    page.use(10)
    for text in filter(None, (invoice.customer_name, invoice.customer_country, invoice.customer_tax_id)):
        page.write_line(text)
    page.ln(4)
    page.use(10, gray=True)
    page.write_line(f"Date: {_date(invoice.issued_at, invoice)}    To be paid by: {_date(invoice.due_at, invoice)}")
    page.write_line(f"Period: {format_days(invoice.period_start, invoice.period_end, invoice.timezone)}")
    if invoice.status == "void":
        page.use(12, bold=True)
        page.write_line("VOID")
    page.ln(4)


def _write_lines(page: _Page, document: InvoiceDocument) -> None:
    page.write_row(("Description", "Quantity", "Amount"), bold=True)
    page.rule()
    for line in document.lines:
        page.write_row((line.description, format_quantity(line), format_money(line.amount, document.invoice.currency)))
    page.rule()


def _write_totals(page: _Page, document: InvoiceDocument) -> None:
    invoice = document.invoice
    rows = [("Without tax", invoice.subtotal), ("Tax", invoice.tax), ("Total", invoice.amount)]
    for name, amount in rows:
        page.write_row(("", name, format_money(amount, invoice.currency)), bold=name == "Total")
    for payment in document.payments:
        name = "Paid" if payment.kind == "payment" else "Paid back"
        text = f"{name} on {_date(payment.at, invoice)}"
        page.write_row((text, "", format_money(payment.amount, invoice.currency)))


def format_quantity(line: InvoiceLine) -> str:
    """Return the quantity in minutes or days. Empty for a share, a credit or a tax."""
    match line.unit:
        case "second":
            return f"{round(line.quantity / 60, 1):,} min"
        case "day":
            return f"{line.quantity:.0f} {'day' if line.quantity == Decimal(1) else 'days'}"
    return ""


def _date(moment: datetime | None, invoice: Invoice) -> str:
    return "" if moment is None else f"{moment.astimezone(ZoneInfo(invoice.timezone)):%d %B %Y}"
