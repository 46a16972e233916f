"""What a release does to the integration types that the one before shipped."""

from typing import Any, Final

from control.db.pool import Connection
from control.integrations.types import queries as types_queries
from control.integrations.types.rules import IntegrationType
from control.integrations.types.service import seed_integration_types
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform

ADDRESSES: Final = {"authorize_url": "https://a.example.com/authorize", "token_url": "https://a.example.com/token"}


def ship(name: str, base_url: str, *, is_enabled: bool) -> dict[str, Any]:
    config = {"base_url": base_url, "oauth": dict(ADDRESSES)}
    return {
        "type": name, "name": name, "description": base_url, "auth_type": "oauth2", "is_enabled": is_enabled,
        "config": config,
    }  # fmt: skip


async def released_twice(platform: CallPlatform, changes: dict[str, Any] | None) -> tuple[IntegrationType, bool]:
    """The type after the second release, and whether customers see it. changes: by the staff in between, to the
    config."""
    name = f"type_{new_id()}"

    async def run(db: Connection) -> tuple[IntegrationType, bool]:
        await seed_integration_types(db, [ship(name, "https://one.example.com", is_enabled=False)], NOW)
        if changes is not None:
            first = await types_queries.select_type(db, name)
            assert first is not None
            await db.execute(
                "UPDATE integration_types SET config = $2, version = 2 WHERE type = $1",
                name,
                {**first.config, **changes},
            )
        await seed_integration_types(db, [ship(name, "https://two.example.com", is_enabled=True)], NOW)
        after = await types_queries.select_type(db, name)
        assert after is not None
        return after, name in [one.type for one in await types_queries.select_types(db, only_ready=True)]

    found: tuple[IntegrationType, bool] = await platform.in_platform(run)
    return found


async def test_untouched_type_follows_the_release_and_is_hidden_without_a_client_id(platform: CallPlatform) -> None:
    after, is_seen = await released_twice(platform, None)
    assert (after.config["base_url"], after.is_enabled, is_seen) == ("https://two.example.com", True, False)


async def test_type_with_a_client_id_follows_the_release_and_keeps_it(platform: CallPlatform) -> None:
    after, _ = await released_twice(platform, {"oauth": {**ADDRESSES, "client_id": "ours"}})
    assert (after.config["base_url"], after.config["oauth"]["client_id"]) == ("https://two.example.com", "ours")
    assert not after.is_enabled, "the staff decided that"


async def test_type_that_the_staff_have_changed_stays(platform: CallPlatform) -> None:
    after, _ = await released_twice(platform, {"base_url": "https://proxy.example.com"})
    assert after.config["base_url"] == "https://proxy.example.com"
