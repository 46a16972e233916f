"""The audit log: who changed what, sealed against later changes."""
