"""The control program: API, webhooks, worker and records."""
