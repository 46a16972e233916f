"""Platform: settings, tiers, and the audit log."""
