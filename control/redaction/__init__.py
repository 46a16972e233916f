"""Pure functions that find card numbers, security codes, national ids and e-mail addresses in texts."""
