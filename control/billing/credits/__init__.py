"""Credits that invoices use up."""
