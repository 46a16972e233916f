"""Second factors of users and staff."""
