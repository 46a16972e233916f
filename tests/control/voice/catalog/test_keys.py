"""Setting a platform's key: a provider of the catalog, or an instance of a vendor, goes into service."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from control.voice.catalog.service import FIRST_PRIORITY, KeyChange, get_keyed_provider, list_catalog, set_key
from control.voice.routing.rules import ProviderOffer
from shared.errors import Conflict, Invalid, NotFound, Problem
from shared.secrets import Sealer
from tests.platform.services import KEY

SEALER = Sealer([KEY])
LLAMA = KeyChange("my-llama", "sk-1", vendor="openai", base_url="http://127.0.0.1:8000/v1", model="tiny")


@pytest.fixture
async def db(seeded_database_url: str) -> AsyncIterator[Connection]:
    """The shipped catalog, in a transaction that is rolled back."""
    async with open_pool(seeded_database_url, size=1) as pool, pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await enter_platform(connection)
        yield connection
        await transaction.rollback()


async def stored(db: Connection, provider: str) -> ProviderOffer:
    return next(offer for offer in await list_catalog(db) if offer.provider == provider)


async def test_a_shipped_provider_keeps_its_settings_and_gets_a_key(db: Connection) -> None:
    before = await stored(db, "openai")
    await set_key(db, SEALER, KeyChange("openai", "sk-secret"))
    assert await stored(db, "openai") == replace(before, platform_key=True)
    assert (await get_keyed_provider(db, SEALER, "openai")).key == "sk-secret"
    sealed = await db.fetchval("SELECT api_key FROM providers WHERE provider = 'openai'")
    assert b"sk-secret" not in sealed


async def test_an_instance_of_a_vendor_is_made(db: Connection) -> None:
    await set_key(db, SEALER, LLAMA)
    made = await stored(db, "my-llama")
    assert (made.vendor, made.kinds, made.is_enabled, made.needs_key) == ("openai", ["llm"], True, True)
    assert made.defaults("llm") == {"base_url": "http://127.0.0.1:8000/v1", "model": "tiny"}
    assert made.priority == FIRST_PRIORITY < min(one.priority for one in await list_catalog(db) if one != made)
    assert "base_url" not in made.options["llm"]


async def test_a_new_model_drops_the_options_of_the_one_before(db: Connection) -> None:
    assert "reasoning_effort" in (await stored(db, "openai")).defaults("llm")
    await set_key(db, SEALER, KeyChange("openai", "sk-1", model="gpt-4o"))
    assert (await stored(db, "openai")).defaults("llm") == {"model": "gpt-4o"}
    await set_key(db, SEALER, KeyChange("groq", "gsk-1", model="other"))
    groq = await stored(db, "groq")
    assert groq.defaults("llm") == {"base_url": "https://api.groq.com/openai/v1", "model": "other"}
    assert groq.vendor == "openai"


async def test_the_model_of_a_vendor_of_several_kinds_is_of_one_of_them(db: Connection) -> None:
    voice = (await stored(db, "deepgram")).defaults("tts")
    await set_key(db, SEALER, KeyChange("deepgram", "dg-1", model="flux-general-en", base_url="https://dg.example.com"))
    changed = await stored(db, "deepgram")
    assert changed.defaults("stt") == {"model": "flux-general-en", "base_url": "https://dg.example.com"}
    assert changed.defaults("tts") == {**voice, "base_url": "https://dg.example.com"}
    await set_key(db, SEALER, KeyChange("my-voice", "dg-1", vendor="deepgram", model="aura-2-luna-en"))
    made = await stored(db, "my-voice")
    assert (made.kinds, made.defaults("tts")) == (["tts"], {"model": "aura-2-luna-en"})
    with pytest.raises(Invalid, match="my-voice is tts") as raised:
        await set_key(db, SEALER, KeyChange("my-voice", "dg-1", model="nova-3"))
    assert raised.value.param == "model"


async def test_a_key_is_replaced_and_a_server_without_keys_needs_none(db: Connection) -> None:
    await set_key(db, SEALER, replace(LLAMA, key=None))
    assert (await get_keyed_provider(db, SEALER, "my-llama")).key == ""
    assert not (await stored(db, "my-llama")).needs_key
    await set_key(db, SEALER, KeyChange("my-llama", "sk-2", priority=7))
    assert (await get_keyed_provider(db, SEALER, "my-llama")).key == "sk-2"
    assert (await stored(db, "my-llama")).priority == 7


async def test_the_audit_log_has_the_change_without_the_key(db: Connection) -> None:
    await set_key(db, SEALER, replace(LLAMA, key="sk-secret"))
    entry = await db.fetchrow("SELECT * FROM audit_log WHERE action = 'provider.set_key'")
    assert entry["resource_id"] == "my-llama"
    assert "127.0.0.1:8000" in str(entry["details"])
    assert "sk-secret" not in str(dict(entry))


@pytest.mark.parametrize(
    ("changed", "error", "param"),
    [
        ({"provider": "My Llama"}, Invalid, "instance"),
        ({"vendor": ""}, Invalid, "vendor"),
        ({"vendor": "acme"}, Invalid, "vendor"),
        ({"vendor": "deepgram"}, Invalid, "model"),
        ({"vendor": "receptionist"}, Invalid, "vendor"),
        ({"model": ""}, Invalid, "model"),
        ({"base_url": "127.0.0.1:8000"}, Invalid, "base-url"),
        ({"base_url": "https://user:password@host/v1"}, Invalid, "base-url"),
        ({"base_url": "https://host/v1?key=1"}, Invalid, "base-url"),
        ({"base_url": "https://host:port/v1"}, Invalid, "base-url"),
        ({"key": ""}, Invalid, "key"),
        ({"key": "two words"}, Invalid, "key"),
        ({"key": "line\nbreak"}, Invalid, "key"),
        ({"provider": "openai", "vendor": "local"}, Conflict, "vendor"),
        ({"provider": "openai", "key": None}, Invalid, "no-key"),
        ({"provider": "deepgram", "vendor": ""}, Invalid, "model"),
        ({"provider": "acme", "vendor": ""}, Invalid, "vendor"),  # in the catalog, without an adapter
        ({"provider": "local", "vendor": ""}, Invalid, "vendor"),
    ],
)
async def test_a_change_that_media_could_not_make_is_refused(
    db: Connection, changed: dict[str, Any], error: type[Problem], param: str
) -> None:
    await db.execute(
        """
        INSERT INTO providers (provider, display_name, kinds, options, priority, needs_key, config)
        SELECT 'acme', 'Acme', kinds, options, priority, needs_key, config - 'vendor' FROM providers
        WHERE provider = 'deepgram'
        """
    )
    before = await list_catalog(db)
    with pytest.raises(error) as raised:
        await set_key(db, SEALER, replace(LLAMA, **changed))
    assert raised.value.param == param
    assert await list_catalog(db) == before


async def test_a_key_that_is_missing_or_lost_is_named(db: Connection) -> None:
    with pytest.raises(NotFound):
        await get_keyed_provider(db, SEALER, "nobody")
    with pytest.raises(Conflict, match="has no key"):
        await get_keyed_provider(db, SEALER, "openai")
    await set_key(db, SEALER, LLAMA)
    with pytest.raises(Conflict, match="cannot be opened"):
        await get_keyed_provider(db, Sealer([bytes(32)]), "my-llama")


async def test_azure_needs_the_address_of_the_operator_s_own_resource(db: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        await set_key(db, SEALER, KeyChange("azure-openai", "key-1"))
    assert refused.value.param == "base-url"
    address = "https://mine.openai.azure.com"
    await set_key(db, SEALER, KeyChange("azure-openai", "key-1", base_url=address, model="my-deployment"))
    kept = {"base_url": address, "dialect": "azure", "model": "my-deployment"}
    assert (await stored(db, "azure-openai")).defaults("llm") == kept
