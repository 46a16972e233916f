"""Writes control/db/schema.sql anew from the migrations: python -m vocalized.services.schema."""

from pathlib import Path
from tempfile import TemporaryDirectory

from control.db.migrate import SCHEMA, dump, migrate
from vocalized.services.postgres import serve_postgres


def main() -> None:
    """Migrates an empty database of a server made for it, and dumps that."""
    with TemporaryDirectory(prefix="vocalized-schema-", dir="/tmp") as temporary:
        state = Path(temporary)
        state.chmod(0o711)
        with serve_postgres(state, durable=False) as postgres:
            migrate(postgres.url)
            dump(postgres.url, pg_dump=postgres.programs / "pg_dump", target=SCHEMA)


if __name__ == "__main__":
    main()
