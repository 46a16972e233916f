"""Failover for each port: the next provider continues where the failed one stopped."""
