"""Sessions of users and staff."""
