"""The ledger: usage with its cost and its price."""
