"""Backups of PostgreSQL in object storage, and the check that one can be restored."""
