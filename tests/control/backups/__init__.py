"""Tests of backups and of the check that one can be restored."""
