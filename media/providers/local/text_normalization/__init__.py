"""Converts written expressions to words, with one module for each kind of expression."""
