"""Simulated Stripe: the invoice API and its signed webhooks.

Covered: customers, tax ids, payment methods, setup intents, invoice items, invoices, invoice payments, refunds, credit
notes, disputes, meters, events, idempotency keys. Shapes are those of API version 2026-10-28.endive.
"""
