"""Reads, verifies, stores once and retries webhooks of any source; knows no source by name."""
