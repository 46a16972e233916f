"""Writes control/db/schema.sql from the migrations: python -m vocalized.services.schema."""

from pathlib import Path
from tempfile import TemporaryDirectory

from control.db.migrate import SCHEMA_FILE, migrate, write_schema
from vocalized.services.postgres import serve_postgres


def main() -> None:
    """Migrates an empty database on a temporary server, and dumps its schema."""
    with TemporaryDirectory(prefix="vocalized-schema-", dir="/tmp") as temporary:
        state = Path(temporary)
        state.chmod(0o711)
        with serve_postgres(state, durable=False) as postgres:
            migrate(postgres.url)
            write_schema(postgres.url, pg_dump=postgres.programs / "pg_dump", target=SCHEMA_FILE)


if __name__ == "__main__":
    main()
