"""Twilio's side of the phone network: its REST interface, its webhooks, TwiML, and the calls that it carries."""
