"""Webhooks of carriers: verified, stored once, answered in the carrier's language, retried when their effect failed."""
