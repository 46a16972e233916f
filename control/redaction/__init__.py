"""Finds card numbers, security codes, national ids and e-mail addresses in what was said and written. Pure."""
