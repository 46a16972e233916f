"""The platform's keys: resealing of the database, and revocation of media nodes."""
