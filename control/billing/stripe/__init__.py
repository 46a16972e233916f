"""Stripe as the payment company."""
