"""Billing: the ledger of what was used, and all prices."""
