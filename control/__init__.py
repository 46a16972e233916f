"""The control program (admin and client API, webhooks, worker): comes with the issues that build it."""
