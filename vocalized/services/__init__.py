"""PostgreSQL and Valkey on this machine, as child processes."""
