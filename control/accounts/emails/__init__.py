"""E-mails, and their limits."""
