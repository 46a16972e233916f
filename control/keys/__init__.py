"""The platform's keys: sealing anew what the database holds, passes of media nodes and their revocation."""
