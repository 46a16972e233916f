"""The audit log: records who changed what, and seals the records against later changes."""
