"""What the network is set up with: a JSON file, read strictly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.twilio_side.model import TwilioConfig
from simulator.carrier.network.world import Behaviour

Carrier = Literal["twilio", "telnyx"]


class ConfigError(ValueError):
    """The file cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class SeededNumber:
    """A number that an account has from the beginning. The two URLs are Twilio's; Telnyx asks its one webhook URL."""

    carrier: Carrier
    phone_number: str
    voice_url: str = ""
    status_callback: str = ""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """public_url: where the network is reached, without a slash at the end; "" for where it listens.

    twilio, telnyx: None: there is no such carrier. default: what a phone that nobody described does; None: it does not
    exist.
    """

    public_url: str = ""
    twilio: TwilioConfig | None = None
    telnyx: TelnyxConfig | None = None
    numbers: tuple[SeededNumber, ...] = ()
    default: Behaviour | None = None


def read_config(path: Path, listens_at: str = "") -> NetworkConfig:
    """Raises ConfigError and OSError. listens_at: the public URL when the file says none."""
    try:
        told = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path}: no JSON: {error}") from error
    return make_config(_object(told, "the file"), listens_at)


def make_config(told: Mapping[str, object], listens_at: str = "") -> NetworkConfig:
    """Raises ConfigError."""
    _only(told, "the file", "public_url", "twilio", "telnyx", "numbers", "default")
    public = (_text(told, "public_url", "", "") or listens_at).rstrip("/")
    default = _text(told, "default", "", "")
    if default and default not in get_args(Behaviour):
        raise ConfigError(f"default must be one of {', '.join(get_args(Behaviour))}")
    numbers = told.get("numbers", [])
    if not isinstance(numbers, list):
        raise ConfigError("numbers must be a list")
    return NetworkConfig(
        public,
        _twilio(told, public),
        _telnyx(told, public),
        tuple(_number(_object(one, f"numbers[{index}]"), f"numbers[{index}]") for index, one in enumerate(numbers)),
        next((known for known in get_args(Behaviour) if known == default), None),
    )


def _twilio(told: Mapping[str, object], public: str) -> TwilioConfig | None:
    if told.get("twilio") is None:
        return None
    part = _object(told["twilio"], "twilio")
    _only(part, "twilio", "account_sid", "auth_token", "sign_streams", "calls_per_second")
    signs, rate = part.get("sign_streams", True), part.get("calls_per_second")
    if not isinstance(signs, bool):
        raise ConfigError("twilio.sign_streams must be true or false")
    if rate is not None and (not isinstance(rate, int | float) or isinstance(rate, bool) or rate <= 0):
        raise ConfigError("twilio.calls_per_second must be a number above 0")
    account = _text(part, "account_sid", "twilio.")
    return TwilioConfig(account, _text(part, "auth_token", "twilio."), public, signs, rate)


def _telnyx(told: Mapping[str, object], public: str) -> TelnyxConfig | None:
    if told.get("telnyx") is None:
        return None
    part = _object(told["telnyx"], "telnyx")
    _only(part, "telnyx", "api_key", "signing_key", "connection_id", "webhook_url", "webhook_failover_url")
    return TelnyxConfig(
        api_key=_text(part, "api_key", "telnyx."),
        signing_key=_text(part, "signing_key", "telnyx."),
        connection_id=_text(part, "connection_id", "telnyx."),
        webhook_url=_text(part, "webhook_url", "telnyx.", ""),
        webhook_failover_url=_text(part, "webhook_failover_url", "telnyx.", ""),
        public_url=public,
    )


def _number(told: Mapping[str, object], where: str) -> SeededNumber:
    _only(told, where, "carrier", "phone_number", "voice_url", "status_callback")
    carrier = _text(told, "carrier", f"{where}.")
    if carrier not in get_args(Carrier):
        raise ConfigError(f"{where}.carrier must be twilio or telnyx")
    return SeededNumber(
        "twilio" if carrier == "twilio" else "telnyx",
        _text(told, "phone_number", f"{where}."),
        _text(told, "voice_url", f"{where}.", ""),
        _text(told, "status_callback", f"{where}.", ""),
    )


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be an object")
    return value


def _only(told: Mapping[str, object], where: str, *known: str) -> None:
    for name in told:
        if name not in known:
            raise ConfigError(f"{where} has an unknown field {name!r}; known: {', '.join(known)}")


def _text(told: Mapping[str, object], name: str, where: str, default: str | None = None) -> str:
    value = told.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ConfigError(f"{where}{name} must be a {'non-empty ' if default is None else ''}string")
    return value
