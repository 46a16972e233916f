"""Stripe, the payment company."""
