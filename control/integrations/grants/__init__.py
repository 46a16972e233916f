"""Vendor grants: OAuth flows, stored credentials, token refresh and revocation."""
