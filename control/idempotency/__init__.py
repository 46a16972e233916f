"""Responses to requests with an Idempotency-Key."""
