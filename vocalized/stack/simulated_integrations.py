"""The simulated vendors that workspaces of a platform on this machine connect: key, address and integration types.

The types have names of their own, so that no grant of a real vendor is ever sent to a simulated one.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct

from vocalized.free_port import free_port, is_free
from vocalized.stack.accounts import Accounts
from vocalized.stack.api_client import ApiClient, ApiError
from vocalized.stack.process import ServerFailed
from vocalized.stack.secret_file import write_secret

EGRESS_VARIABLE: Final = "VOCALIZED_EGRESS_ALLOW"
_LOOPBACK: Final = "127.0.0.1/32"
_KEYS, _CONFIG, _TOKENS = "integrations-keys.json", "integrations.json", "integrations-tokens.json"
_CLIENT_ID: Final = "vocalized-up"
_PREFIX: Final = "simulated_"
# Where each shipped type is served. Salesforce names its address with the tokens.
_PATHS: Final[Mapping[str, str]] = {
    "google_calendar": "/calendar/v3",
    "microsoft_365_calendar": "/v1.0",
    "hubspot": "",
    "slack": "/api",
    "google_sheets": "/v4",
}
_OTHERS: Final = frozenset({"salesforce"})
_OAUTH: Final = {"authorize_url": "authorize", "token_url": "token", "revoke_url": "revoke", "userinfo_url": "userinfo"}
_TYPES: Final = "/admin/integrations/available"


class IntegrationsKeys(Struct, frozen=True):
    """What the vendors and the platform share; kept between runs, as connections are."""

    key: str
    client_secret: str
    port: int


class IntegrationsAccess(Struct, frozen=True):
    """The running simulated vendors. config, tokens: files that their program is started with."""

    key: str
    client_secret: str
    port: int
    config: Path
    tokens: Path

    @property
    def url(self) -> str:
        """Of all vendors."""
        return f"http://127.0.0.1:{self.port}"


def prepare_integrations(
    state: Path, public_url: str, environment: Mapping[str, str]
) -> tuple[IntegrationsAccess, dict[str, str]]:
    """Write the program's configuration; return it with the settings by which the platform may reach the vendors.
    public_url: of the API."""
    keys = _load_keys(state / _KEYS)
    access = IntegrationsAccess(keys.key, keys.client_secret, keys.port, state / _CONFIG, state / _TOKENS)
    config = {
        "key": keys.key,
        "client_id": _CLIENT_ID,
        "client_secret": keys.client_secret,
        "redirect_prefix": f"{public_url.rstrip('/')}/integrations/oauth/callback/{_PREFIX}",
    }
    write_secret(access.config, msgspec.json.encode(config))
    allowed = [network for network in (environment.get(EGRESS_VARIABLE), _LOOPBACK) if network]
    return access, {EGRESS_VARIABLE: ",".join(allowed)}


def has_integrations_file(state: Path) -> bool:
    """Whether the platform on this state ever ran with simulated integrations."""
    return (state / _CONFIG).exists()


async def ensure_integration_types(url: str, accounts: Accounts, access: IntegrationsAccess) -> None:
    """Add the types of the simulated vendors, or enable those of an earlier start. url: of the API. Raises
    ServerFailed."""
    try:
        async with aiohttp.ClientSession() as session:
            api = ApiClient(session, url)
            await api.sign_in(**asdict(accounts.admin), staff=True)
            known = await _list_types(api)
            for name in (*_PATHS, *sorted(_OTHERS)):
                shipped = (await api.request("GET", f"{_TYPES}/{name}"))["integration"]
                await _put_type(api, known, shipped, access)
    except ApiError as error:
        raise ServerFailed(f"the simulated integrations cannot be used: {error}") from error


async def retire_integration_types(url: str, accounts: Accounts) -> None:
    """Disable the types of an earlier start, whose vendors do not run now. Raises ServerFailed."""
    try:
        async with aiohttp.ClientSession() as session:
            api = ApiClient(session, url)
            await api.sign_in(**asdict(accounts.admin), staff=True)
            for name, kind in (await _list_types(api)).items():
                if name.startswith(_PREFIX) and kind["is_enabled"]:
                    await api.request("PUT", f"{_TYPES}/{name}", {"is_enabled": False})
    except ApiError as error:
        raise ServerFailed(f"the simulated integrations cannot be disabled: {error}") from error


async def _put_type(
    api: ApiClient, known: Mapping[str, Any], shipped: Mapping[str, Any], access: IntegrationsAccess
) -> None:
    name = _PREFIX + shipped["type"]
    body = {
        "name": f"{shipped['name']} (simulated)",
        "description": shipped["description"],
        "config": _make_config(shipped, access),
        "is_enabled": True,
    }
    if name in known:
        await api.request("PUT", f"{_TYPES}/{name}", body)
    else:
        await api.request("POST", _TYPES, {"type": name, "auth_type": shipped["auth_type"], **body})


def _make_config(shipped: Mapping[str, Any], access: IntegrationsAccess) -> dict[str, Any]:
    """The shipped config with the simulator's addresses and our client there."""
    config, oauth = dict(shipped["config"]), dict(shipped["config"]["oauth"])
    oauth |= {field: f"{access.url}/oauth/{path}" for field, path in _OAUTH.items() if oauth.get(field)}
    config["oauth"] = oauth | {"client_id": _CLIENT_ID, "client_secret": access.client_secret}
    if shipped["type"] in _PATHS:
        config["base_url"] = access.url + _PATHS[shipped["type"]]
    return config


async def _list_types(api: ApiClient) -> dict[str, Any]:
    return {kind["type"]: kind for kind in (await api.request("GET", _TYPES))["integrations"]}


def _load_keys(path: Path) -> IntegrationsKeys:
    """The same port as before, if it is free, because Salesforce's address is part of a connection."""
    if path.exists():
        keys = msgspec.json.decode(path.read_bytes(), type=IntegrationsKeys)
        if is_free(keys.port):
            return keys
        keys = msgspec.structs.replace(keys, port=free_port())
    else:
        keys = IntegrationsKeys(secrets.token_urlsafe(24), secrets.token_urlsafe(24), free_port())
    write_secret(path, msgspec.json.encode(keys))
    return keys
