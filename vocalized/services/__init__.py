"""Database and bus on this machine: PostgreSQL and Valkey from their wheels, as children of this process."""
