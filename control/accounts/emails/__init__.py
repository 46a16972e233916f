"""E-mails to users and staff, and their limits."""
