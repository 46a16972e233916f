"""Backups of PostgreSQL in object storage, and the check that a backup can be restored."""
