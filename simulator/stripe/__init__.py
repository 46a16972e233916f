"""Simulated Stripe: the invoice API and its signed webhooks.

Supports customers, tax ids, payment methods, setup intents, invoice items, invoices, invoice payments, refunds, credit
notes, disputes, meters, events and idempotency keys. Objects have the format of API version 2026-10-28.endive.
"""
