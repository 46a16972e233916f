"""Twilio's webhooks: forms, signatures, TwiML. `source.py` lists the steps of a call."""
