"""The platform's settings and tiers, and the partitions of its tables."""
