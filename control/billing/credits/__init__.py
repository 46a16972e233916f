"""Credits, which invoices use up."""
