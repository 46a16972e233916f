"""The way to PostgreSQL: the pool of connections, and migrations in plain SQL."""
