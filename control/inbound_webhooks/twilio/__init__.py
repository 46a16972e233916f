"""Twilio's webhooks: forms, signatures and TwiML. `calls.py` lists the steps of a call."""
