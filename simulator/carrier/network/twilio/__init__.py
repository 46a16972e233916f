"""The simulated Twilio: REST interface, webhooks, TwiML, and calls. Written from twilio.com/docs."""
