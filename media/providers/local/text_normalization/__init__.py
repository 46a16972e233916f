"""Turns written expressions into words, with one module for each kind."""
