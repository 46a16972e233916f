"""No key in anything that the platform puts out.

A call through vendors that repeat keys in all their failures, and then a scan of logs, events, API answers, metrics,
e-mails, the database, Redis and the OpenAPI document.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import pytest
from redis.asyncio import Redis

from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from lab.stage.workspace import SPEECH, agent_config
from shared.secrets import Sealer, parse_keys
from simulator.carrier.network.phone_network import Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.vendors.entry import load_entries
from tests.network.call_record import wait_for_record
from tests.network.leaky_vendor import LeakyVendor, leaky_vendor
from vocalized.stack.api_client import ApiClient, ApiError

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Settings that hold secrets.
SECRET_SETTINGS = (
    "VOCALIZED_TWILIO_AUTH_TOKENS",
    "VOCALIZED_TELNYX_API_KEY",
    "VOCALIZED_TOKEN_KEYS",
    "VOCALIZED_VAULT_KEYS",
    "VOCALIZED_BUS_KEYS",
)


# By vendor whose key goes with each handshake; those of one kind first. Google's speech has a key file, which is never
# sent.
SPEECH_VENDORS = {
    name: entry.roles
    for name, entry in sorted(load_entries().items(), key=lambda item: len(item[1].roles))
    if not entry.has_key_file and "llm" not in entry.roles
}
# A chain has seven providers at most, of which the last one works.
MOST_LEAKY = 6
MODEL_VENDORS = tuple(name for name, entry in load_entries().items() if "llm" in entry.roles)
LEAKY = tuple(f"leaky-{name}" for name in (*MODEL_VENDORS, *SPEECH_VENDORS))


def list_leaky(kind: str) -> list[str]:
    """The leaky providers of a kind, first choice first.

    Each speech vendor is in one chain at least; further ones fill the room that is left."""
    if kind == "llm":
        return [f"leaky-{name}" for name in MODEL_VENDORS][:MOST_LEAKY]
    chains: dict[str, list[str]] = {"stt": [], "tts": []}
    for name, kinds in SPEECH_VENDORS.items():
        min((chains[one] for one in kinds), key=len).append(f"leaky-{name}")
    for name, kinds in SPEECH_VENDORS.items():
        for chain in (chains[one] for one in kinds):
            if f"leaky-{name}" not in chain and len(chain) < MOST_LEAKY:
                chain.append(f"leaky-{name}")
    return chains[kind]


def make_key(owner: str) -> str:
    """A key with characters that base64 and percent encoding write differently."""
    return f"sk-{owner}/+%?={secrets.token_hex(12)}"


def make_plain_key(owner: str) -> str:
    """A key that looks like the code of an error."""
    return f"sk_{owner}_{secrets.token_hex(12)}"


def forms(secret: str) -> Iterator[str]:
    """The secret as it could be written: plain, percent-encoded, in hexadecimal, in base64 at any offset, in JSON."""
    raw = secret.encode()
    yield from {secret, quote(secret, safe=""), quote(secret), raw.hex(), secret.replace("/", "\\/")}
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
        inner = text[[0, 2, 3][offset] : -2]  # without the characters that the bytes around it decide, too
        yield from {inner, inner.replace("+", "-").replace("/", "_")}


def find_secrets(text: str, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of the secrets in the text."""
    return [name for name, written in wanted.items() if any(one in text for one in written)]


class RecordingClient(ApiClient):
    """Stores all answers."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, seen: list[str]) -> None:
        super().__init__(session, url)
        self.token, self.seen = token, seen

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        status, raw = await super()._send(method, path, body)
        self.seen.append(f"{method} {path} {status} {raw.decode(errors='replace')}")
        return status, raw


async def set_up_providers(staff: ApiClient, vendor: LeakyVendor, keys: Mapping[str, str]) -> None:
    """Platform providers of each vendor at the leaky address, saved while it accepts them; then refused keys."""
    http, socket = f"http://{vendor.address}", f"ws://{vendor.address}"
    entries = load_entries()
    configs: dict[str, dict[str, Any]] = {
        f"leaky-{name}": {
            "vendor": name,
            "llm": {**entries[name].usual["llm"], "base_url": http + entries[name].account.path},
        }
        for name in MODEL_VENDORS
    }
    for name, kinds in SPEECH_VENDORS.items():
        configs[f"leaky-{name}"] = {"vendor": name, **{kind: {"base_url": socket} for kind in kinds}}
    for name, config in configs.items():
        body = {"provider": name, "api_key": keys[name], "config": config, "priority": 90_000}
        await staff.request("POST", "/admin/providers", body)
    vendor.is_hostile = True
    for _ in range(4):
        for name in configs:
            with pytest.raises(ApiError, match=r"refuses this key|does not answer with these settings"):
                await staff.request("PUT", f"/admin/providers/{name}", {"api_key": keys["refused"]})


async def bring_own_key(platform: Platform, owner: ApiClient, keys: Mapping[str, str]) -> None:
    """A key of the workspace's own at an address that the guard refuses, first over the API."""
    body = {"uses_platform_key": False, "api_key": keys["own"], "config": {"llm": {"base_url": "https://10.0.0.1/v1"}}}
    with pytest.raises(ApiError):
        await owner.request("PUT", f"{platform.workspace.path}/voice/providers/openai", body)
    sealer = Sealer(parse_keys(platform.settings["VOCALIZED_VAULT_KEYS"]))
    await platform.rows(
        "INSERT INTO workspace_providers (workspace_id, provider, uses_platform_key, api_key, config) "
        'VALUES ($1, \'openai\', false, $2, \'{"llm": {"base_url": "https://10.0.0.1/v1", "model": "m"}}\')',
        UUID(platform.workspace.id),
        sealer.seal(keys["own"].encode(), "provider key"),
    )


async def make_call(platform: Platform, owner: ApiClient, turns: Sequence[PreparedTurn]) -> str:
    """A test call whose first choices are all leaky; returns its id."""
    chains = {kind: [{"provider": name} for name in list_leaky(kind)] for kind in ("stt", "llm", "tts")}
    chains["llm"].append({"provider": "openai"})
    speech = {kind: [*chain, *SPEECH[kind]] for kind, chain in chains.items()}
    body = {"name": f"Leaky {secrets.token_hex(3)}", "config": {**agent_config(recorded=True), "speech": speech}}
    agent = (await owner.request("POST", f"{platform.workspace.path}/agents", body))["agent"]["id"]
    caller = scripted_caller(turns[:1], 950)
    subscriber = {"phone_number_to_call": caller.number}
    platform.network.phone_network.subscribers[caller.number] = Subscriber(party=lambda: caller)
    placed = await owner.request("POST", f"{platform.workspace.path}/agents/{agent}/test", subscriber)
    call_id: str = placed["test_call_id"]
    record = await wait_for_record(platform, call_id, recorded=True)
    failed = {event["event_data"]["provider"] for event in record.events if event["event_type"] == "provider.failed"}
    assert failed == {*LEAKY, "openai"}
    return call_id


async def read_answers(platform: Platform, staff: ApiClient, owner: ApiClient, call_id: str) -> None:
    """Reads what the API shows of calls, providers and changes."""
    path = platform.workspace.path
    for place in (f"{path}/calls/{call_id}", f"{path}/calls/{call_id}/events", f"{path}/agents"):
        await owner.request("GET", place)
    for place in (f"{path}/voice/providers", f"{path}/voice/strategy"):
        await owner.request("GET", place)
    for place in ("/admin/providers", "/admin/providers/health", "/admin/logs/activity?limit=200", "/openapi.json"):
        await staff.request("GET", place)


async def collect_output(platform: Platform, session: aiohttp.ClientSession) -> dict[str, str]:
    """Everything else, by where it was found."""
    found = {path.name: path.read_text(errors="replace") for path in _text_files(platform.folder)}
    ports = [platform.api.port, platform.worker.port, *(node.port for node in platform.nodes)]
    for port in ports:
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            found[f"metrics of {port}"] = await response.text()
    tables = await platform.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for name in (row["tablename"] for row in tables):
        rows = await platform.rows(f'SELECT t::text AS line FROM "{name}" t')
        found[f"table {name}"] = "\n".join(row["line"] for row in rows)
    redis: Redis = Redis.from_url(platform.settings["VOCALIZED_REDIS_URL"])
    try:
        found["Redis"] = str([await redis.dump(key) async for key in redis.scan_iter(count=1_000)])
        found["Redis events"] = str(await redis.xrange("vocalized:events"))
    finally:
        await redis.aclose()
    return found


def _text_files(folder: Path) -> Iterator[Path]:
    """Logs, e-mails, and the nodes' state."""
    yield from (path for path in folder.rglob("*.log") if path.is_file())
    for name in ("mail", "media-0", "media-1", "state"):
        yield from (path for path in (folder / name).rglob("*") if path.is_file() and path.suffix not in (".wav",))


async def test_no_key_is_in_anything_that_a_run_puts_out(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    keys = {name: make_plain_key("a") for name in LEAKY}
    keys |= {name: make_key(name) for name in ("refused", "own")}
    seen: list[str] = []
    async with aiohttp.ClientSession() as session, leaky_vendor() as vendor:
        staff = RecordingClient(session, platform.api_url, platform.staff.token, seen)
        owner = RecordingClient(session, platform.api_url, platform.workspace.owner.token, seen)
        try:
            await set_up_providers(staff, vendor, keys)
            await bring_own_key(platform, owner, keys)
            call_id = await make_call(platform, owner, turns)
            await read_answers(platform, staff, owner, call_id)
            output = await collect_output(platform, session)
        finally:
            await platform.rows("UPDATE providers SET is_enabled = false WHERE provider LIKE 'leaky-%'")
            await platform.rows("DELETE FROM workspace_providers WHERE provider = 'openai'")
    assert vendor.asked > 10
    settings = {name: platform.settings[name].rpartition("=")[2] or platform.settings[name] for name in SECRET_SETTINGS}
    wanted = {name: list(forms(secret)) for name, secret in {**keys, **settings}.items()}
    output["API answers"] = "\n".join(seen)
    assert {"metrics of", "API answers", "Redis events"} <= {name.rstrip("0123456789 ") for name in output}
    found = {where: names for where, text in output.items() if (names := find_secrets(text, wanted))}
    assert not found
    logs = "".join(text for name, text in output.items() if name.endswith(".log"))
    assert "request.answered" in logs and len(output["API answers"]) > 10_000


@pytest.mark.parametrize("around", ["{}", 'x"{}"', "a={}&"])
async def test_the_scan_finds_a_secret_in_each_form(around: str) -> None:
    secret = make_key("a")
    wanted = {"a": list(forms(secret))}
    text = around.format(secret)
    written = [
        text,
        quote(text),
        text.encode().hex(),
        *(base64.b64encode(b"x" * n + text.encode()).decode() for n in range(3)),
    ]
    assert all(find_secrets(one, wanted) == ["a"] for one in written)
    assert find_secrets("sk-a" + "x" * 40, wanted) == []
