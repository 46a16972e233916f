"""Roll-ups of calls and of the ledger by day, quarter of an hour and month."""
