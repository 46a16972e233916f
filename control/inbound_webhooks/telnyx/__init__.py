"""Telnyx's webhooks: events, signatures and Call Control commands. `calls.py` lists the steps of a call."""
