"""Telnyx's webhooks: events, signatures, Call Control commands. `source.py` lists the steps of a call."""
