"""Grants of vendors: OAuth flows, credentials, their refresh and revocation."""
