"""Twilio's webhooks: forms, signatures, TwiML. `calls.py` lists the steps of a call."""
