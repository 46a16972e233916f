"""Inserts the providers and templates that the product ships with; `migrate` calls this."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.agents import store_providers, store_templates
from control.agents.model import Template
from control.agents.validation import parse_config
from control.db.pool import Connection
from shared.ids import new_id

# Columns that the code defines; the staff may change the others.
FACTS: Final = ("provider", "display_name", "kinds", "needs_key", "for_tests", "options")


async def seed_providers(db: Connection, providers: Iterable[Mapping[str, Any]]) -> None:
    """providers: each by the names of its columns. Of existing providers only the columns FACTS are updated."""
    for provider in providers:
        facts = {name: provider[name] for name in FACTS}
        firsts = {name: value for name, value in provider.items() if name not in facts}
        await store_providers.upsert_provider(db, facts, firsts)


async def seed_templates(db: Connection, templates: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """templates: each by the names of its columns, with a slug. Existing and deleted ones stay as the staff left them.
    Raises Invalid."""
    for template in templates:
        parse_config(template["default_config"], f"{template['slug']}.default_config")
        made = Template(UUID(new_id()), **template, is_public=True, created_at=now, updated_at=now)
        await store_templates.insert_template(db, made, None)
