"""Stored responses to requests with an Idempotency-Key."""
