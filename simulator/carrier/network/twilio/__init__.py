"""The simulated Twilio: REST API, webhooks, TwiML, and calls. Follows twilio.com/docs."""
