"""The network's configuration: a JSON file; unknown fields are errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from simulator.carrier.media_call import CarrierName
from simulator.carrier.network.phone_network import Behavior
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.twilio.model import TwilioConfig
from simulator.carrier.network.twilio.number_rule import AddressRule, NumberRule

_TWILIO_RATES = ("calls_per_second", "create_requests_per_second")
_SHARED_KEY = ("shared_key_id", "shared_key_secret")


class ConfigError(ValueError):
    """The configuration is invalid. The message names the field."""


@dataclass(frozen=True, slots=True)
class SeededNumber:
    """A number that an account owns from the start. Only Twilio uses the two URLs, because Telnyx has one webhook URL
    per app.
    """

    carrier: CarrierName
    phone_number: str
    voice_url: str = ""
    status_callback: str = ""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The configuration of a network.

    Attributes:
        public_url: The network's public URL without a trailing slash.
        twilio: None for a network without Twilio.
        telnyx: None for a network without Telnyx.
        default: Behavior of numbers without a subscriber. None: such numbers do not exist.
    """

    public_url: str = ""
    twilio: TwilioConfig | None = None
    telnyx: TelnyxConfig | None = None
    numbers: tuple[SeededNumber, ...] = ()
    default: Behavior | None = None


def read_config(path: Path, listens_at: str = "") -> NetworkConfig:
    """Read the file. `listens_at` is the public URL if the file sets none. Raises ConfigError or OSError."""
    try:
        fields = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    return make_config(_object(fields, "the file"), listens_at)


def make_config(fields: Mapping[str, object], listens_at: str = "") -> NetworkConfig:
    """Read decoded JSON. Raises ConfigError."""
    _check_fields(fields, "the file", "public_url", "twilio", "telnyx", "numbers", "default")
    public = (_text(fields, "public_url", "", "") or listens_at).rstrip("/")
    default = _text(fields, "default", "", "")
    if default and default not in get_args(Behavior):
        raise ConfigError(f"default must be one of {', '.join(get_args(Behavior))}")
    numbers = fields.get("numbers", [])
    if not isinstance(numbers, list):
        raise ConfigError("numbers must be a list")
    return NetworkConfig(
        public,
        _twilio(fields, public),
        _telnyx(fields, public),
        tuple(_number(_object(one, f"numbers[{index}]"), f"numbers[{index}]") for index, one in enumerate(numbers)),
        next((known for known in get_args(Behavior) if known == default), None),
    )


def _twilio(fields: Mapping[str, object], public: str) -> TwilioConfig | None:
    if fields.get("twilio") is None:
        return None
    part = _object(fields["twilio"], "twilio")
    _check_fields(
        part, "twilio", "account_sid", "auth_token", "sign_streams", "regulated", *_TWILIO_RATES, *_SHARED_KEY
    )
    signs, rate, creates = part.get("sign_streams", True), *(part.get(name) for name in _TWILIO_RATES)
    if not isinstance(signs, bool):
        raise ConfigError("twilio.sign_streams must be true or false")
    if rate is not None and (not isinstance(rate, int | float) or isinstance(rate, bool) or rate <= 0):
        raise ConfigError("twilio.calls_per_second must be a number above 0")
    if creates is not None and (not isinstance(creates, int) or isinstance(creates, bool) or creates < 1):
        raise ConfigError("twilio.create_requests_per_second must be a whole number above 0")
    return TwilioConfig(
        account_sid=_text(part, "account_sid", "twilio."),
        auth_token=_text(part, "auth_token", "twilio."),
        public_url=public,
        sign_streams=signs,
        calls_per_second=rate,
        create_requests_per_second=creates,
        shared_key=_shared_key(part),
        regulated=_regulated(part),
    )


def _regulated(part: Mapping[str, object]) -> tuple[NumberRule, ...]:
    rules = part.get("regulated", [])
    if not isinstance(rules, list):
        raise ConfigError("twilio.regulated must be a list of objects")
    return tuple(
        _rule(_object(one, f"twilio.regulated[{at}]"), f"twilio.regulated[{at}]") for at, one in enumerate(rules)
    )


def _rule(fields: Mapping[str, object], where: str) -> NumberRule:
    _check_fields(fields, where, "prefix", "country", "number_type", "address", "bundle")
    address, bundle = _text(fields, "address", f"{where}.", "any"), fields.get("bundle", True)
    if address not in get_args(AddressRule):
        raise ConfigError(f"{where}.address must be one of {', '.join(get_args(AddressRule))}")
    if not isinstance(bundle, bool):
        raise ConfigError(f"{where}.bundle must be true or false")
    return NumberRule(
        prefix=_text(fields, "prefix", f"{where}."),
        country=_text(fields, "country", f"{where}."),
        number_type=_text(fields, "number_type", f"{where}.", "local"),
        address=next(known for known in get_args(AddressRule) if known == address),
        needs_bundle=bundle,
    )


def _shared_key(part: Mapping[str, object]) -> tuple[str, str] | None:
    key, secret = (_text(part, name, "twilio.", "") for name in _SHARED_KEY)
    if bool(key) != bool(secret):
        raise ConfigError(f"twilio.{_SHARED_KEY[0]} and twilio.{_SHARED_KEY[1]} belong together")
    return (key, secret) if key else None


def _telnyx(fields: Mapping[str, object], public: str) -> TelnyxConfig | None:
    if fields.get("telnyx") is None:
        return None
    part = _object(fields["telnyx"], "telnyx")
    _check_fields(part, "telnyx", "api_key", "signing_key", "connection_id", "webhook_url", "webhook_failover_url")
    return TelnyxConfig(
        api_key=_text(part, "api_key", "telnyx."),
        signing_key=_text(part, "signing_key", "telnyx."),
        connection_id=_text(part, "connection_id", "telnyx."),
        webhook_url=_text(part, "webhook_url", "telnyx.", ""),
        webhook_failover_url=_text(part, "webhook_failover_url", "telnyx.", ""),
        public_url=public,
    )


def _number(fields: Mapping[str, object], where: str) -> SeededNumber:
    _check_fields(fields, where, "carrier", "phone_number", "voice_url", "status_callback")
    carrier = _text(fields, "carrier", f"{where}.")
    if carrier not in get_args(CarrierName):
        raise ConfigError(f"{where}.carrier must be twilio or telnyx")
    return SeededNumber(
        "twilio" if carrier == "twilio" else "telnyx",
        _text(fields, "phone_number", f"{where}."),
        _text(fields, "voice_url", f"{where}.", ""),
        _text(fields, "status_callback", f"{where}.", ""),
    )


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be an object")
    return value


def _check_fields(fields: Mapping[str, object], where: str, *known: str) -> None:
    for name in fields:
        if name not in known:
            raise ConfigError(f"{where} has an unknown field {name!r}; known: {', '.join(known)}")


def _text(fields: Mapping[str, object], name: str, where: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ConfigError(f"{where}{name} must be a {'non-empty ' if default is None else ''}string")
    return value
