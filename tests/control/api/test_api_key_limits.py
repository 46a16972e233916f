"""Limits of API keys: by key, also for what is refused; by address for those that may be made up."""

from structlog.testing import capture_logs

from control.http.key_text import make_secret
from tests.control.api.key_workspace import KeyWorkspace
from tests.platform.api import running_api


async def test_made_up_keys_are_limited_by_address_before_they_are_looked_up(
    database_url: str, valkey_url: str
) -> None:
    limits, sender = {"unknown-api-key": (4, 3600)}, {"X-Forwarded-For": "203.0.113.77"}
    async with running_api(database_url, valkey_url, limits=limits, trusted_proxies=["127.0.0.1/32"]) as api:
        workspace = await KeyWorkspace.make(api)
        created = await workspace.create()
        key = api.with_token(created["secret"])
        assert (await key.get(workspace.path, headers=sender)).status == 200
        refused = [await api.with_token(make_secret()).get(workspace.path, headers=sender) for _ in range(5)]
        assert [reply.status for reply in refused] == [401, 401, 401, 429, 429]
        assert "Retry-After" in refused[-1].headers
        known = await key.get(workspace.path, headers=sender)
        assert known.status == 200, "a key that is known as valid is not held up"
        assert (await workspace.ann.get(workspace.path, headers=sender)).status == 200
        await workspace.ann.delete(f"{workspace.keys}/{created['api_key']['id']}")
        revoked = [await key.get(workspace.path, headers=sender) for _ in range(2)]
        assert [reply.status for reply in revoked] == [401, 429], "a revoked key is remembered no more"


async def test_keys_have_a_rate_limit_of_their_own(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"api-key": (3, 3600)}) as api:
        workspace = await KeyWorkspace.make(api)
        created = await workspace.create()
        key, other = api.with_token(created["secret"]), await workspace.client()
        rotated = await workspace.ann.post(f"{workspace.keys}/{created['api_key']['id']}/rotate", {})
        replies = [await key.get(workspace.path) for _ in range(2)]
        replies += [await api.with_token(rotated.body["secret"]).get(workspace.path) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429], "the secrets of a key share its limit"
        assert replies[0].headers["RateLimit-Limit"] == "3" and "Retry-After" in replies[-1].headers
        assert (await other.get(workspace.path)).status == 200
        assert "RateLimit-Limit" not in (await workspace.ann.get(workspace.path)).headers


async def test_refused_requests_count_for_the_keys_limit(database_url: str, valkey_url: str) -> None:
    """Whoever found a key and tries what it may is held up like everybody, from however many addresses."""
    limits = {"api-key": (3, 3600), "unknown-api-key": (1, 3600)}
    async with running_api(database_url, valkey_url, limits=limits) as api:
        workspace = await KeyWorkspace.make(api)
        created = await workspace.create("agents:read")
        key = api.with_token(created["secret"])
        with capture_logs() as logs:
            replies = [await key.get(workspace.path) for _ in range(5)]
        assert [reply.status for reply in replies] == [403, 403, 403, 403, 429], "the first is counted by address"
        answered = [line for line in logs if line["event"] == "request.answered"]
        assert answered[-1]["api_key_id"] == created["api_key"]["id"]
        assert (await workspace.ann.get(workspace.path)).status == 200
