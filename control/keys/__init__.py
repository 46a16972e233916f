"""The platform's keys: re-encryption of the database, and revocation of media nodes."""
