"""Simulators of outside systems, written from their documentation and independent of our code."""
