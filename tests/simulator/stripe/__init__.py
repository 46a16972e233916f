"""Tests of the simulated Stripe, asked by Stripe's own SDK."""
