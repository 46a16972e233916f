"""A workspace's voice providers: keys of its own, settings and strategy, and what calls get of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from control.agents.plans.rules import ANY_CALL
from control.agents.plans.service import AgentLookup
from control.agents.rules import AgentPolicy
from control.db.pool import open_pool
from control.db.scope import enter_platform
from shared.plan import CallPlan
from shared.secrets import Sealer
from simulator.vendors.server import running_vendor
from tests.platform.api import Api, running_api
from tests.platform.chat_vendor import ChatVendor, chat_vendor
from tests.platform.clients import Reply, User
from tests.platform.services import KEY as SECRET
from vendors.deepgram.simulator import SimulatedDeepgram

OWN = "vendor-key-1"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, egress_allow=("127.0.0.1/32",)) as api:
        yield api


@pytest.fixture
async def vendor() -> AsyncIterator[ChatVendor]:
    async with chat_vendor() as vendor:
        yield vendor


@dataclass
class Tenant:
    """A workspace with an agent."""

    api: Api
    user: User
    id: str
    agent_id: str
    database_url: str

    @property
    def path(self) -> str:
        return f"/workspaces/{self.id}/voice"

    async def set(self, provider: str, body: dict[str, Any]) -> Reply:
        return await self.user.put(f"{self.path}/providers/{provider}", body)

    async def provider(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = (await self.user.get(f"{self.path}/providers")).body["providers"]
        return next(one for one in found if one["provider"] == name)

    async def plan(self) -> CallPlan:
        """The plan of a call now."""
        async with open_pool(self.database_url, size=1) as pool, pool.transaction() as db:
            await enter_platform(db)
            lookup = AgentLookup(AgentPolicy(), Sealer([SECRET]))
            found = await lookup.find_by_agent(db, UUID(self.id), UUID(self.agent_id))
            assert found is not None
            return found.make_plan(ANY_CALL)


@pytest.fixture
async def tenant(api: Api, database_url: str) -> Tenant:
    user = await api.sign_up()
    workspace_id = await user.workspace()
    await api.owner.execute("UPDATE workspaces SET tier_name = 'growth' WHERE id = $1::uuid", workspace_id)
    config = {"prompt": "You answer the phone."}
    agent = await user.post(f"/workspaces/{workspace_id}/agents", {"name": "Desk", "config": config})
    return Tenant(api, user, workspace_id, agent.body["agent"]["id"], database_url)


def own(vendor: ChatVendor, **changed: Any) -> dict[str, Any]:
    llm = {"base_url": vendor.url, "model": "tiny"}
    return {"uses_platform_key": False, "api_key": OWN, "config": {"llm": llm}, **changed}


async def test_a_key_of_ones_own_is_checked_stored_used_and_rotated(tenant: Tenant, vendor: ChatVendor) -> None:
    assert (await tenant.provider("openai"))["fault"] == "openai has no key"
    reply = await tenant.set("openai", own(vendor))
    assert reply.status == 200, reply.body
    saved = reply.body["provider"]
    assert (saved["is_configured"], saved["has_own_key"], saved["uses_platform_key"]) == (True, True, False)
    first = (await tenant.plan()).llm[0]
    assert (first.provider, first.options["api_key"], first.options["base_url"]) == ("openai", OWN, vendor.url)
    assert first.guarded and first.own_key
    vendor.keys = {"vendor-key-2"}
    assert (await tenant.set("openai", {"api_key": "vendor-key-2"})).status == 200
    assert (await tenant.plan()).llm[0].options["api_key"] == "vendor-key-2"
    log = await tenant.api.owner.fetchval(
        "SELECT string_agg(details::text, '') FROM audit_log WHERE workspace_id = $1::uuid", tenant.id
    )
    assert "vendor-key" not in log
    assert (await tenant.set("openai", {"uses_platform_key": True, "api_key": None})).status == 200
    assert "openai" not in [one.provider for one in (await tenant.plan()).llm]


async def test_the_platforms_key_is_never_sent_to_a_customers_address(tenant: Tenant, vendor: ChatVendor) -> None:
    await tenant.api.owner.execute(
        "UPDATE providers SET api_key = $1 WHERE provider = 'openai'",
        Sealer([SECRET]).seal(b"platform-key", "provider key"),
    )
    try:
        reply = await tenant.set("openai", {"config": {"llm": {"base_url": vendor.url}}})
        assert (reply.status, reply.code) == (422, "address_needs_own_key")
        await tenant.set("openai", own(vendor))
        await tenant.set("openai", {"uses_platform_key": True})
        first = (await tenant.plan()).llm[0]
        assert first.options["api_key"] == "platform-key"
        assert "base_url" not in first.options and not first.guarded and not first.own_key
    finally:
        await tenant.api.owner.execute("UPDATE providers SET api_key = NULL WHERE provider = 'openai'")


async def test_voices_of_a_further_language_get_their_key_and_unfit_ones_are_refused(tenant: Tenant) -> None:
    sealed = Sealer([SECRET]).seal(b"platform-key", "provider key")
    await tenant.api.owner.execute("UPDATE providers SET api_key = $1 WHERE provider IN ('soniox', 'deepgram')", sealed)
    agent, speech = f"/workspaces/{tenant.id}/agents/{tenant.agent_id}", {"stt": [{"provider": "soniox"}]}
    try:
        english = {"language": "es", "voices": {"deepgram": {"model": "aura-2-thalia-en"}}}
        refused = await tenant.user.put(agent, {"config": {"speech": speech, "additional_languages": [english]}})
        assert (refused.status, refused.code) == (422, "language_unsupported")
        assert refused.param == "config.additional_languages.0.voices.deepgram"
        spanish = {"language": "es", "voices": {"deepgram": {"model": "aura-2-celeste-es"}}}
        saved = await tenant.user.put(agent, {"config": {"speech": speech, "additional_languages": [spanish]}})
        assert saved.status == 200, saved.body
        voice = (await tenant.plan()).languages[0].tts[0]
        assert (voice.options["model"], voice.options["api_key"]) == ("aura-2-celeste-es", "platform-key")
        polish = {"language": "pl", "voices": {"soniox": {"voice_id": "Maya"}}}
        saved = await tenant.user.put(agent, {"config": {"speech": speech, "additional_languages": [polish]}})
        assert saved.status == 200, saved.body
        await tenant.api.owner.execute("UPDATE providers SET api_key = NULL WHERE provider = 'soniox'")
        renamed = await tenant.user.put(agent, {"config": {"greeting": "Hello there."}})
        assert renamed.status == 200, (
            renamed.body,
            "an edit of something else is not refused for what the agent had already",
        )
        again = await tenant.user.put(agent, {"config": {"language": "fr"}})
        assert (again.status, again.code) == (422, "language_unsupported")
    finally:
        await tenant.api.owner.execute("UPDATE providers SET api_key = NULL WHERE provider IN ('soniox', 'deepgram')")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://10.0.0.1/v1", "address_invalid"),
        ("http://api.example.com/v1", "address_invalid"),
        ("https://169.254.169.254", "address_invalid"),
        ("https://0x7f.1/v1", "address_invalid"),
        ("https://localhost:1/v1", "provider_refused"),
    ],
)
async def test_addresses_that_are_not_on_the_public_internet_are_refused(
    tenant: Tenant, vendor: ChatVendor, url: str, code: str
) -> None:
    reply = await tenant.set("openai", own(vendor, config={"llm": {"base_url": url, "model": "tiny"}}))
    assert (reply.status, reply.code) == (422, code), reply.body
    assert not (await tenant.provider("openai"))["has_own_key"]


async def test_speech_at_an_address_of_ones_own(tenant: Tenant) -> None:
    deepgram = SimulatedDeepgram()
    async with running_vendor(deepgram.routes(), None) as address:
        stt, url = {"model": "nova-3"}, f"ws://{address}"
        body = {"uses_platform_key": False, "api_key": deepgram.state.key, "config": {"stt": {**stt, "base_url": url}}}
        for changed in ({"base_url": "wss://10.0.0.1"}, {"base_url": "wss://0x7f.1"}, {"base_url": f"ftp://{address}"}):
            reply = await tenant.set("deepgram", {**body, "config": {"stt": {**stt, **changed}}})
            assert (reply.code, reply.param) == ("address_invalid", "config.stt.base_url")
        reply = await tenant.set("deepgram", {**body, "config": {"stt": {"model": "nova-33", "base_url": url}}})
        assert (reply.code, reply.param) == ("provider_refused", "config.stt.model")
        reply = await tenant.set("deepgram", body)
        assert reply.status == 200, reply.body
    assert deepgram.state.opened == {"stt": 2, "llm": 0, "tts": 0}
    chosen = [one for one in (await tenant.plan()).stt if one.provider == "deepgram"]
    assert [(one.guarded, one.options["base_url"]) for one in chosen] == [(True, url)]


async def test_does_not_save_what_the_vendor_rejects(tenant: Tenant, vendor: ChatVendor) -> None:
    reply = await tenant.set("openai", own(vendor, api_key="wrong-key-123"))
    assert (reply.code, reply.body["error"]["param"]) == ("key_refused", "api_key")
    assert "Incorrect API key provided: ***" in reply.body["error"]["message"]
    assert not (await tenant.provider("openai"))["has_own_key"]


async def test_rules_of_settings(tenant: Tenant, vendor: ChatVendor) -> None:
    assert (await tenant.set("acme", {})).code == "provider_not_found"
    assert (await tenant.set("openai", {"uses_platform_key": False})).code == "key_missing"
    assert (await tenant.set("local", {"uses_platform_key": False, "api_key": "k"})).code == "key_invalid"
    reply = await tenant.set("openai", {"config": {"llm": {"api_key": "k"}}})
    assert (reply.code, reply.body["error"]["param"]) == ("option_unknown", "config.llm.api_key")
    await tenant.api.owner.execute("UPDATE workspaces SET tier_name = 'starter' WHERE id = $1::uuid", tenant.id)
    assert (await tenant.set("openai", own(vendor))).code == "own_keys_not_in_tier"
    assert vendor.asked == []


async def test_a_stored_value_that_is_not_taken_any_more_hinders_no_other_change(tenant: Tenant) -> None:
    await tenant.set("openai", {"config": {"llm": {"temperature": 1}}})
    await tenant.api.owner.execute(
        """
        UPDATE workspace_providers SET config = '{"llm": {"temperature": "hot"}}' WHERE workspace_id = $1::uuid
        """,
        tenant.id,
    )
    assert (await tenant.set("openai", {"is_enabled": False})).status == 200
    reply = await tenant.set("openai", {"config": {"llm": {"temperature": "hot"}}})
    assert (reply.code, reply.param) == ("option_invalid", "config.llm.temperature")


async def test_where_google_computes_is_an_option_of_workspaces_and_agents(tenant: Tenant) -> None:
    sealed = Sealer([SECRET]).seal(b"platform-key", "provider key")
    await tenant.api.owner.execute("UPDATE providers SET api_key = $1 WHERE provider = 'google-speech'", sealed)
    agent = f"/workspaces/{tenant.id}/agents/{tenant.agent_id}"
    try:
        config = {kind: {"location": "eu"} for kind in ("stt", "tts")}
        assert (await tenant.set("google-speech", {"config": config})).status == 200
        reply = await tenant.set("google-speech", {"config": {"tts": {"location": "EU"}}})
        assert (reply.code, reply.param) == ("option_invalid", "config.tts.location")
        speech = {kind: [{"provider": "google-speech", "options": {"location": "EU"}}] for kind in ("stt", "tts")}
        refused = await tenant.user.put(agent, {"config": {"speech": speech}})
        assert (refused.status, refused.param) == (422, "config.speech.stt.0.options.location")
        speech["stt"][0]["options"], speech["tts"][0]["options"] = {"location": "us"}, {}
        assert (await tenant.user.put(agent, {"config": {"speech": speech}})).status == 200
        plan = await tenant.plan()
        assert [one.options["location"] for one in (plan.stt[0], plan.tts[0])] == ["us", "eu"]
    finally:
        await tenant.api.owner.execute("UPDATE providers SET api_key = NULL WHERE provider = 'google-speech'")


async def test_a_provider_that_is_turned_off_serves_no_call(tenant: Tenant) -> None:
    assert [one.provider for one in (await tenant.plan()).tts] == ["local"]
    reply = await tenant.set("local", {"is_enabled": False})
    assert (reply.body["provider"]["is_enabled"], reply.body["provider"]["is_configured"]) == (False, False)


async def test_the_strategy_orders_calls_providers(tenant: Tenant, vendor: ChatVendor) -> None:
    assert (await tenant.user.get(f"{tenant.path}/strategy")).body["is_own"] is False
    for name in ("openai", "groq"):
        assert (await tenant.set(name, own(vendor))).status == 200
    assert [one.provider for one in (await tenant.plan()).llm] == ["openai", "groq", "receptionist"]
    await tenant.api.owner.executemany(
        "INSERT INTO provider_figures (provider, role, source, status, since, p50_ms, checked_at) "
        "VALUES ($1, 'llm', 'calls', 'healthy', now(), $2, now())",
        [("openai", 900), ("groq", 200)],
    )
    await tenant.api.owner.executemany(
        "UPDATE providers SET estimated_costs = $2 WHERE provider = $1",
        [("openai", {"llm": 0.01}), ("groq", {"llm": 0.02})],
    )
    try:
        for strategy, order in (("latency_optimized", ["groq", "openai"]), ("cost_optimized", ["openai", "groq"])):
            reply = await tenant.user.put(f"{tenant.path}/strategy", {"strategy": strategy})
            assert (reply.body["strategy"], reply.body["is_own"]) == (strategy, True)
            assert [one.provider for one in (await tenant.plan()).llm] == [*order, "receptionist"]
        await tenant.user.put(f"{tenant.path}/strategy", {"strategy": "latency_optimized", "fallback_enabled": False})
        assert [one.provider for one in (await tenant.plan()).llm] == ["groq"]
        staff = await tenant.api.admin()
        await tenant.user.put(f"{tenant.path}/strategy", {"strategy": None, "fallback_enabled": True})
        await staff.put("/admin/providers/routing", {"default_strategy": "latency_optimized"})
        assert (await tenant.user.get(f"{tenant.path}/strategy")).body["strategy"] == "latency_optimized"
        assert (await tenant.plan()).llm[0].provider == "groq"
        await staff.put("/admin/providers/routing", {})
    finally:
        await tenant.api.owner.execute("DELETE FROM provider_figures")


async def test_data_rules_leave_only_providers_that_meet_them(tenant: Tenant, vendor: ChatVendor) -> None:
    await tenant.set("openai", own(vendor))
    reply = await tenant.user.put(f"{tenant.path}/strategy", {"config": {"data": {"no_training": True}}})
    assert reply.status == 200, reply.body
    assert [one.provider for one in (await tenant.plan()).llm] == ["receptionist"]
    assert (await tenant.provider("openai"))["fault"] == "openai does not meet the workspace's data rules"
    await tenant.set("local", {"is_enabled": False})
    reply = await tenant.user.put(f"{tenant.path}/strategy", {"config": {"data": {"regions": ["eu"]}}})
    assert (reply.status, reply.code) == (409, "no_provider_left")
    unknown = await tenant.user.put(f"{tenant.path}/strategy", {"config": {"order": ["acme"]}})
    assert (unknown.code, unknown.body["error"]["param"]) == ("provider_unknown", "config.order.0")


async def test_figures_that_change_while_the_vendor_answers_do_not_matter(tenant: Tenant, vendor: ChatVendor) -> None:
    async def measure() -> None:
        await tenant.api.owner.execute(
            "INSERT INTO provider_figures (provider, role, source, status, since, p50_ms, checked_at) "
            "VALUES ('openai', 'llm', 'calls', 'healthy', now(), 900, now())"
        )

    vendor.meanwhile = measure
    try:
        assert (await tenant.set("openai", own(vendor))).status == 200
    finally:
        await tenant.api.owner.execute("DELETE FROM provider_figures")


async def test_a_key_is_sent_also_to_a_provider_that_needs_none(tenant: Tenant, vendor: ChatVendor) -> None:
    await tenant.api.owner.execute("UPDATE providers SET needs_key = false WHERE provider = 'openai'")
    try:
        assert (await tenant.set("openai", own(vendor))).status == 200
        (own_server,) = [one for one in (await tenant.plan()).llm if one.provider == "openai"]
        assert (own_server.options["base_url"], own_server.options["api_key"]) == (vendor.url, OWN)
    finally:
        await tenant.api.owner.execute("UPDATE providers SET needs_key = true WHERE provider = 'openai'")


async def test_a_stored_key_is_not_sent_to_another_address(tenant: Tenant, vendor: ChatVendor) -> None:
    assert (await tenant.set("openai", own(vendor))).status == 200
    async with chat_vendor() as thief:
        reply = await tenant.set("openai", {"config": {"llm": {"base_url": thief.url, "model": "tiny"}}})
        assert (reply.status, reply.code, reply.body["error"]["param"]) == (422, "key_missing", "api_key")
        assert thief.asked == []
    assert (await tenant.set("openai", {"config": own(vendor)["config"]})).status == 200
    assert (await tenant.plan()).llm[0].options["base_url"] == vendor.url


async def test_services_of_pipecat_are_for_the_staff(tenant: Tenant) -> None:
    staff = await tenant.api.admin()
    llm = {"service": "OpenAIResponsesHttpLLMService", "settings": {"model": "m"}}
    config = {"vendor": "pipecat", "llm": llm}
    made = await staff.post("/admin/providers", {"provider": "pc", "api_key": "platform-key", "config": config})
    assert made.status == 201
    assert (await tenant.set("pc", {"uses_platform_key": False, "api_key": OWN})).code == "key_invalid"
    assert (await tenant.set("pc", {"config": {"llm": llm}})).code == "option_unknown"
    assert (await tenant.set("pc", {"config": {"llm": {"service": "OLLamaLLMService"}}})).code == "option_unknown"
    agent = f"/workspaces/{tenant.id}/agents/{tenant.agent_id}"
    chosen = {"provider": "pc", "options": {"service": "OLLamaLLMService"}}
    assert (await tenant.user.put(agent, {"config": {"prompt": "x", "speech": {"llm": [chosen]}}})).status == 422
    used = await tenant.user.put(agent, {"config": {"prompt": "x", "speech": {"llm": [{"provider": "pc"}]}}})
    assert used.status == 200, used.body
    first = (await tenant.plan()).llm[0]
    assert (first.vendor_name, first.options) == ("pipecat", {**llm, "api_key": "platform-key"})
    await staff.put("/admin/providers/pc", {"is_enabled": False})


async def preview(tenant: Tenant, config: dict[str, Any]) -> dict[str, Any]:
    reply = await tenant.user.post(f"/workspaces/{tenant.id}/agents/{tenant.agent_id}/preview", {"config": config})
    assert reply.status == 200, reply.body
    return dict(reply.body)


async def test_preview_says_what_chosen_providers_take_and_cost(tenant: Tenant, vendor: ChatVendor) -> None:
    assert (await tenant.set("openai", own(vendor))).status == 200
    await tenant.api.owner.executemany(
        "INSERT INTO provider_figures (provider, role, source, status, since, p50_ms, checked_at) "
        "VALUES ($1, $2, 'calls', 'healthy', now(), $3, now())",
        [("openai", "llm", 640), ("local", "stt", 80), ("local", "tts", 120)],
    )
    await tenant.api.owner.execute(
        "UPDATE providers SET estimated_costs = $1 WHERE provider IN ('openai', 'local')",
        {"llm": 0.01, "stt": 0.02, "tts": 0.03},
    )
    try:
        found = await preview(tenant, {"speech": {"llm": [{"provider": "openai"}]}})
        by_kind = {one["kind"]: one for one in found["providers"]}
        assert {kind: one["provider"] for kind, one in by_kind.items()} == {
            "stt": "local", "llm": "openai", "tts": "local",
        }  # fmt: skip
        assert (by_kind["llm"]["latency_ms"], found["latency_ms"]) == (640, 840)
        # The workspace pays its own vendor, and the platform's minutes whatever they cost the platform.
        assert (by_kind["llm"]["uses_own_key"], by_kind["llm"]["vendor_cost"], found["vendor_cost"]) == (
            True,
            0.01,
            0.01,
        )
        assert (by_kind["stt"]["uses_own_key"], by_kind["stt"]["vendor_cost"]) == (False, None)
        price = await tenant.api.owner.fetchval(
            "SELECT price_per_minute FROM tiers JOIN workspaces USING (tier_name) WHERE workspaces.id = $1",
            UUID(tenant.id),
        )
        assert (found["price_per_minute"], found["currency"]) == (float(price), "usd")
        await tenant.api.owner.execute("DELETE FROM provider_figures WHERE role = 'stt'")
        assert (await preview(tenant, {}))["latency_ms"] is None
    finally:
        await tenant.api.owner.execute("DELETE FROM provider_figures")


async def test_preview_prices_minutes_in_the_currency_of_the_workspace(tenant: Tenant) -> None:
    owner = tenant.api.owner
    await owner.execute(
        "INSERT INTO billing_accounts (workspace_id, currency, opened_at) VALUES ($1, 'eur', now()) "
        "ON CONFLICT (workspace_id) DO UPDATE SET currency = 'eur'",
        UUID(tenant.id),
    )
    assert (await preview(tenant, {}))["price_per_minute"] is None
    await owner.execute(
        "INSERT INTO tier_prices (tier_name, currency, monthly_fee, price_per_minute) "
        "SELECT tier_name, 'eur', 1, 0.25 FROM workspaces WHERE id = $1",
        UUID(tenant.id),
    )
    try:
        found = await preview(tenant, {})
        assert (found["price_per_minute"], found["currency"]) == (0.25, "eur")
    finally:
        await owner.execute("DELETE FROM tier_prices WHERE currency = 'eur'")


async def test_preview_names_all_reasons_and_stores_nothing(tenant: Tenant) -> None:
    path = f"/workspaces/{tenant.id}/agents/{tenant.agent_id}"
    before = (await tenant.user.get(path)).body["agent"]
    await tenant.user.put(f"{path}/draft", {"config": {"goodbye": "Bye from {firm}."}})
    draft = (await tenant.user.get(f"{path}/draft")).body["draft"]
    found = await preview(tenant, {"greeting": "Hello from {town}."})
    params = [reason["param"] for reason in found["reasons"]]
    assert {"config.facts.firm", "config.facts.town", "phone_number_id"} <= set(params)
    assert [reason["message"] for reason in found["reasons"] if reason["param"] == "phone_number_id"]
    refused = await tenant.user.post(f"{path}/preview", {"config": {"speech": {"llm": [{"provider": "acme"}]}}})
    assert (refused.status, refused.code) == (422, "provider_unknown")
    assert (await tenant.user.get(path)).body["agent"] == before
    assert (await tenant.user.get(f"{path}/draft")).body["draft"] == draft
    viewer = await tenant.api.member(tenant.id, "viewer")
    assert (await viewer.post(f"{path}/preview", {})).status == 200
    stranger = await tenant.api.sign_up()
    assert (await stranger.post(f"{path}/preview", {})).status == 404
