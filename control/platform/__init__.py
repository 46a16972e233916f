"""Settings and tiers of the platform, and partitions of tables."""
