"""Sign-ins with a password."""
