"""Analytics: roll-ups of calls and of the ledger, and the figures that are read from them."""
