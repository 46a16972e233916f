"""Inserts the templates that the product ships with; `migrate` calls this."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from control.agents import store_templates
from control.agents.model import Template
from control.agents.validation import parse_config
from control.db.pool import Connection
from shared.ids import new_id


async def seed_templates(db: Connection, templates: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """templates: each by the names of its columns, with a slug. Existing and deleted ones stay as the staff left them.
    Raises Invalid."""
    for template in templates:
        parse_config(template["default_config"], f"{template['slug']}.default_config")
        made = Template(UUID(new_id()), **template, is_public=True, created_at=now, updated_at=now)
        await store_templates.insert_template(db, made, None)
