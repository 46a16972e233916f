"""The settings of a platform on this machine: local defaults, unless the user's environment says otherwise."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vocalized.stack.carrier_keys import CarrierKeys
from vocalized.stack.key_settings import (
    BUS_KEYS,
    SECRET_KEYS,
    TOKEN_KEYS,
    VAULT_KEYS,
    make_key_settings,
    node_key_settings,
    redis_settings,
    redis_urls,
)
from vocalized.stack.ports import Ports

CarrierName = Literal["twilio", "telnyx"]

_EMAILS, _OBJECTS = "mail", "objects"
# Setting any of these selects the real carrier.
_REAL: Mapping[CarrierName, Sequence[str]] = {
    "twilio": ("VOCALIZED_TWILIO_ACCOUNT_SID", "VOCALIZED_TWILIO_AUTH_TOKENS", "VOCALIZED_TWILIO_API_URL"),
    "telnyx": (
        "VOCALIZED_TELNYX_API_KEY", "VOCALIZED_TELNYX_PUBLIC_KEYS", "VOCALIZED_TELNYX_CONNECTION_ID",
        "VOCALIZED_TELNYX_API_URL",
    ),
}  # fmt: skip
_HIDDEN_FROM_MEDIA = frozenset(
    {
        "VOCALIZED_DATABASE_URL",
        "VOCALIZED_SMTP_URL",
        "VOCALIZED_TELNYX_API_KEY",
        TOKEN_KEYS,
        VAULT_KEYS,
        BUS_KEYS,
        SECRET_KEYS,
    }
)
# No call runs any more when a node is stopped, because the carrier stops first.
_DRAIN_S = "5"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores answer; `engine` is the socket of the local speech engine. redis_passwords: of the programs'
    users in Redis; none: it has no users."""

    database_url: str
    redis_url: str
    engine: Path
    redis_passwords: Mapping[str, str] = field(default_factory=dict)


def simulated_carriers() -> tuple[CarrierName, ...]:
    """The carriers that the user has not configured for real."""
    return tuple(
        name for name, variables in _REAL.items() if not any(os.environ.get(variable) for variable in variables)
    )


def program_settings(state: Path, ports: Ports, stores: Stores, keys: CarrierKeys) -> dict[str, str]:
    """The environment of control and media. What the user has set wins, except for the stores."""
    return {
        **default_settings(state, ports, keys, simulated_carriers()),
        **os.environ,
        "VOCALIZED_DATABASE_URL": stores.database_url,
        "VOCALIZED_REDIS_URL": stores.redis_url,
        **(redis_urls(stores.redis_url, stores.redis_passwords) if stores.redis_passwords else {}),
        "VOCALIZED_LOCAL_ENGINE_SOCKET": str(stores.engine),
    }


def default_settings(state: Path, ports: Ports, keys: CarrierKeys, carriers: Sequence[CarrierName]) -> dict[str, str]:
    """The defaults of everything but the stores; `carriers` are the simulated ones."""
    defaults = {
        **make_key_settings(state),
        "VOCALIZED_PUBLIC_URL": ports.control_url,
        "VOCALIZED_WEBHOOK_URL": ports.control_url,
        "VOCALIZED_SMTP_URL": (state / _EMAILS).as_uri(),
        "VOCALIZED_STORAGE_URL": (state / _OBJECTS).as_uri(),
        "VOCALIZED_STANDIN_PROVIDERS": "true",
        "VOCALIZED_MEDIA_DRAIN_TIMEOUT_S": _DRAIN_S,
    }
    if carriers:
        defaults["VOCALIZED_DEFAULT_CARRIER"] = carriers[0]
    if "twilio" in carriers:
        defaults["VOCALIZED_TWILIO_ACCOUNT_SID"] = keys.account_sid
        defaults["VOCALIZED_TWILIO_AUTH_TOKENS"] = f"{keys.account_sid}={keys.auth_token}"
        defaults["VOCALIZED_TWILIO_API_URL"] = ports.carrier_url
    if "telnyx" in carriers:
        defaults["VOCALIZED_TELNYX_API_KEY"] = keys.api_key
        defaults["VOCALIZED_TELNYX_PUBLIC_KEYS"] = keys.public_key
        defaults["VOCALIZED_TELNYX_CONNECTION_ID"] = keys.connection_id
        defaults["VOCALIZED_TELNYX_API_URL"] = f"{ports.carrier_url}/v2"
    return defaults


def node_settings(settings: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of one media node, without the database, the platform's keys, and the key that spends money at a
    carrier."""
    visible = {name: value for name, value in settings.items() if name not in _HIDDEN_FROM_MEDIA}
    environment = {"VOCALIZED_MEDIA_PUBLIC_URL": f"ws://127.0.0.1:{port}", **redis_settings(visible, "media")}
    return environment | node_key_settings(settings, environment["VOCALIZED_MEDIA_PUBLIC_URL"].rstrip("/"))


def worker_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of the worker, without the keys by which people sign in."""
    return {name: value for name, value in redis_settings(settings, "worker").items() if name != TOKEN_KEYS}


def api_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of the API."""
    return redis_settings(settings, "api")


def network_settings(
    ports: Ports, keys: CarrierKeys, webhook_url: str, carriers: Sequence[CarrierName]
) -> dict[str, object]:
    """The configuration of the phone network that simulates these carriers. A number at which nobody waits rings."""
    parts: dict[CarrierName, dict[str, str]] = {
        "twilio": {"account_sid": keys.account_sid, "auth_token": keys.auth_token},
        "telnyx": {
            "api_key": keys.api_key,
            "signing_key": keys.signing_seed,
            "connection_id": keys.connection_id,
            "webhook_url": f"{webhook_url}/webhooks/calls/inbound",
        },
    }
    common = {"public_url": ports.carrier_url, "numbers": [], "default": "no_answer"}
    return common | {name: parts[name] for name in carriers}
