"""API keys, with which a workspace's own systems call the API."""
