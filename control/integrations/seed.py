"""Inserts the integration types that the product ships with; `migrate` calls this."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from control.db.pool import Connection
from control.integrations import store_types
from control.integrations.model import IntegrationType
from control.integrations.type_config import parse_type_config


async def seed_integration_types(db: Connection, types: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """types: each by the names of its columns. A type of which the staff have changed more than the client id stays as
    it is; the others get the present config. Raises Invalid."""
    for shipped in types:
        parse_type_config(shipped["config"], shipped["auth_type"])
        made = IntegrationType(**shipped, version=1, is_shipped=True, has_secret=False, created_at=now, updated_at=now)
        if not await store_types.insert_type(db, made, None):
            await store_types.update_shipped(db, made)
