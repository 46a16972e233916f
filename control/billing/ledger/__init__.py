"""The ledger: what was used, at its cost and its price."""
