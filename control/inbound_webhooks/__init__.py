"""Webhooks of carriers and Stripe: verified, stored once, answered, and retried when their effect failed."""
