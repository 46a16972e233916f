"""PostgreSQL: connection pool, transactions, row-level scope, job queue and migrations."""
