"""Webhooks from carriers and Stripe: verified, stored once, answered, and retried."""
