"""Calls that agents answer: admission, plans, refusals."""
