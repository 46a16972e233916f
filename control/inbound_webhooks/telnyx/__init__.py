"""Telnyx's webhooks: events, signatures, Call Control commands. `calls.py` lists the steps of a call."""
