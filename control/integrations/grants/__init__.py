"""Vendors' grants: OAuth flows, credentials, refresh and revocation."""
