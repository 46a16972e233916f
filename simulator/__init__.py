"""Simulators of the systems outside the platform, written from their documentation and independent of our code."""
