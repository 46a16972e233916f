"""The platform's keys: sealing the database under new keys, and revocation of media nodes' passes."""
