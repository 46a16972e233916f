"""Seeds a database with the shipped tiers and settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.db.pool import Connection
from control.platform import store
from control.platform.model import Tier
from control.platform.registry import REGISTRY, check_setting


async def seed_platform(db: Connection, tiers: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Stores the shipped tiers and settings that are missing; stored ones keep what the staff set.

    tiers: each by the names of its columns. settings: values by key. Raises KeyError for an unknown key, and Invalid.
    """
    for tier in tiers:
        await store.insert_tier(db, Tier(**tier))
    for key, value in settings.items():
        check_setting(REGISTRY[key], value)
        await store.insert_setting(db, key, value, REGISTRY[key].description)
