"""Accounts: users and staff, their passwords, sessions and e-mails."""
