"""What an invoice's PDF shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.billing.invoices import Invoice, InvoiceLine, Payment

PDF_TYPE: Final = "application/pdf"


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """What a PDF shows. issuer: lines of the platform's name, address, tax id and bank account. fonts: files of further
    fonts, the first choice first."""

    issuer: Sequence[str]
    invoice: Invoice
    lines: Sequence[InvoiceLine]
    payments: Sequence[Payment]
    fonts: Sequence[Path] = ()

    @property
    def letters(self) -> set[str]:
        """Of all texts that somebody chose."""
        texts = (self.invoice.customer_name, self.invoice.customer_tax_id, *self.issuer)
        return set().union(*texts, *(line.description for line in self.lines))
