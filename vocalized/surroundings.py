"""The settings of a local platform: everything on this machine, unless the user has said otherwise."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.secrets import new_key
from vocalized.carrier_keys import CarrierKeys
from vocalized.secret_file import write_secret

CarrierName = Literal["twilio", "telnyx"]

_KEYS, _MAIL, _OBJECTS = "secret-keys", "mail", "objects"
# Whoever set one of these means the real carrier.
_REAL: Mapping[CarrierName, Sequence[str]] = {
    "twilio": ("VOCALIZED_TWILIO_ACCOUNT_SID", "VOCALIZED_TWILIO_AUTH_TOKENS", "VOCALIZED_TWILIO_API_URL"),
    "telnyx": (
        "VOCALIZED_TELNYX_API_KEY", "VOCALIZED_TELNYX_PUBLIC_KEYS", "VOCALIZED_TELNYX_CONNECTION_ID",
        "VOCALIZED_TELNYX_API_URL",
    ),
}  # fmt: skip
# Calls are over when a node is told to end, for the carrier goes first.
_DRAIN_S = "5"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on 127.0.0.1; `media` has one port for each node."""

    control: int
    worker: int
    carrier: int
    media: tuple[int, ...]

    @property
    def control_url(self) -> str:
        """Base of the API."""
        return f"http://127.0.0.1:{self.control}"

    @property
    def carrier_url(self) -> str:
        """Base of the phone network's HTTP."""
        return f"http://127.0.0.1:{self.carrier}"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores answer; `engine` is the socket of the local speech engine."""

    database_url: str
    redis_url: str
    engine: Path


def simulated() -> tuple[CarrierName, ...]:
    """The carriers that the user has not set up for real."""
    return tuple(name for name, variables in _REAL.items() if not any(os.environ.get(one) for one in variables))


def program_settings(state: Path, ports: Ports, stores: Stores, keys: CarrierKeys) -> dict[str, str]:
    """The environment of control and media. What the user has set stands, but for the stores."""
    return {
        **usual_settings(state, ports, keys, simulated()),
        **os.environ,
        "VOCALIZED_DATABASE_URL": stores.database_url,
        "VOCALIZED_REDIS_URL": stores.redis_url,
        "VOCALIZED_LOCAL_ENGINE_SOCKET": str(stores.engine),
    }


def usual_settings(state: Path, ports: Ports, keys: CarrierKeys, carriers: Sequence[CarrierName]) -> dict[str, str]:
    """All but the stores, where the user has set nothing; these carriers are simulated."""
    usual = {
        "VOCALIZED_SECRET_KEYS": _secret_key(state / _KEYS),
        "VOCALIZED_PUBLIC_URL": ports.control_url,
        "VOCALIZED_WEBHOOK_URL": ports.control_url,
        "VOCALIZED_SMTP_URL": (state / _MAIL).as_uri(),
        "VOCALIZED_STORAGE_URL": (state / _OBJECTS).as_uri(),
        "VOCALIZED_STANDIN_PROVIDERS": "true",
        "VOCALIZED_MEDIA_DRAIN_TIMEOUT_S": _DRAIN_S,
    }
    if carriers:
        usual["VOCALIZED_DEFAULT_CARRIER"] = carriers[0]
    if "twilio" in carriers:
        usual["VOCALIZED_TWILIO_ACCOUNT_SID"] = keys.account_sid
        usual["VOCALIZED_TWILIO_AUTH_TOKENS"] = f"{keys.account_sid}={keys.auth_token}"
        usual["VOCALIZED_TWILIO_API_URL"] = ports.carrier_url
    if "telnyx" in carriers:
        usual["VOCALIZED_TELNYX_API_KEY"] = keys.api_key
        usual["VOCALIZED_TELNYX_PUBLIC_KEYS"] = keys.public_key
        usual["VOCALIZED_TELNYX_CONNECTION_ID"] = keys.connection_id
        usual["VOCALIZED_TELNYX_API_URL"] = f"{ports.carrier_url}/v2"
    return usual


def node_settings(settings: Mapping[str, str], port: int) -> dict[str, str]:
    """Of one media node. It knows no database and no key that spends money at a carrier."""
    hidden = ("VOCALIZED_DATABASE_URL", "VOCALIZED_SMTP_URL", "VOCALIZED_TELNYX_API_KEY")
    kept = {name: value for name, value in settings.items() if name not in hidden}
    return {"VOCALIZED_MEDIA_PUBLIC_URL": f"ws://127.0.0.1:{port}", **kept}


def network_settings(
    ports: Ports, keys: CarrierKeys, webhook_url: str, carriers: Sequence[CarrierName]
) -> dict[str, object]:
    """What the phone network is started with; it simulates these carriers."""
    parts: dict[CarrierName, dict[str, str]] = {
        "twilio": {"account_sid": keys.account_sid, "auth_token": keys.auth_token},
        "telnyx": {
            "api_key": keys.api_key,
            "signing_key": keys.signing_seed,
            "connection_id": keys.connection_id,
            "webhook_url": f"{webhook_url}/webhooks/calls/inbound",
        },
    }
    return {"public_url": ports.carrier_url, "numbers": []} | {name: parts[name] for name in carriers}


def mail_folder(state: Path, settings: Mapping[str, str]) -> Path | None:
    """Where mails arrive; None when the user has them sent."""
    folder = state / _MAIL
    return folder if settings["VOCALIZED_SMTP_URL"] == folder.as_uri() else None


def _secret_key(path: Path) -> str:
    """Made at the first start; whoever loses it cannot open what was sealed."""
    if not path.exists():
        write_secret(path, new_key().encode())
    return path.read_text().strip()
