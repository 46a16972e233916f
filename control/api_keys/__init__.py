"""Keys with which a workspace's own systems use the API."""
