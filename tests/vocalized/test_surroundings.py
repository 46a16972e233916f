"""The settings of a local platform, and what the user's own do to them."""

from pathlib import Path

import pytest

from config.settings import ControlSettings, MediaSettings, control_settings, media_settings
from simulator.carrier.network.config import make_config
from vocalized.carrier_keys import CarrierKeys, carrier_keys
from vocalized.surroundings import (
    Ports,
    Stores,
    mail_folder,
    network_settings,
    node_settings,
    program_settings,
    simulated,
)

PORTS = Ports(control=8081, worker=9000, carrier=8082, media=(8083, 8084))
STORES = Stores("postgresql://owner@/vocalized?host=/run/x", "unix:///run/valkey.sock", Path("/run/engine.sock"))
SECRETS = {"VOCALIZED_DATABASE_URL", "VOCALIZED_SMTP_URL", "VOCALIZED_TELNYX_API_KEY"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*ControlSettings.model_fields, *MediaSettings.model_fields]:
        monkeypatch.delenv(f"VOCALIZED_{name.upper()}", raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> CarrierKeys:
    return carrier_keys(tmp_path)


def ours(settings: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name.startswith("VOCALIZED_")}


def use(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in ours(settings).items():
        monkeypatch.setenv(name, value)


def test_control_reads_them_and_finds_both_simulated_carriers(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, program_settings(tmp_path, PORTS, STORES, keys))
    read = control_settings()
    assert (read.public_url, read.webhook_url, read.default_carrier) == ("http://127.0.0.1:8081",) * 2 + ("twilio",)
    ((account, token),) = read.twilio_auth_tokens
    assert (account, token.get_secret_value()) == (read.twilio_account_sid, keys.auth_token)
    assert (read.twilio_api_url, read.telnyx_api_url) == ("http://127.0.0.1:8082", "http://127.0.0.1:8082/v2")
    assert read.telnyx_public_keys == (keys.public_key,)
    assert read.storage_url == (tmp_path / "objects").as_uri()


def test_every_setting_is_one_of_a_program(tmp_path: Path, keys: CarrierKeys) -> None:
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    known = {f"VOCALIZED_{name.upper()}" for name in [*ControlSettings.model_fields, *MediaSettings.model_fields]}
    assert ours(settings).keys() <= known
    assert ours(node_settings(settings, 8083)).keys() <= known


def test_a_node_tells_its_own_address_and_knows_no_more_than_it_needs(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    node = node_settings(settings, 8084)
    use(monkeypatch, node)
    read = media_settings()
    assert read.media_public_url == "ws://127.0.0.1:8084"
    assert read.local_engine_socket == "/run/engine.sock"
    assert not SECRETS & node.keys() and settings.keys() >= SECRETS


def test_what_the_user_has_set_stands_but_for_the_stores(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOCALIZED_WEBHOOK_URL", "https://tunnel.example.com")
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", "postgresql://elsewhere/x")
    monkeypatch.setenv("VOCALIZED_SMTP_URL", "smtp://mail.example.com")
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    assert settings["VOCALIZED_WEBHOOK_URL"] == "https://tunnel.example.com"
    assert settings["VOCALIZED_DATABASE_URL"] == STORES.database_url
    assert mail_folder(tmp_path, settings) is None


@pytest.mark.parametrize(
    ("variable", "left"),
    [
        ("", ("twilio", "telnyx")),
        ("VOCALIZED_TWILIO_ACCOUNT_SID", ("telnyx",)),
        ("VOCALIZED_TWILIO_API_URL", ("telnyx",)),
        ("VOCALIZED_TELNYX_API_KEY", ("twilio",)),
    ],
)
def test_a_carrier_that_the_user_has_set_up_is_the_real_one(
    variable: str, left: tuple[str, ...], tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "theirs")
    assert simulated() == left
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    network = make_config(network_settings(PORTS, keys, "http://127.0.0.1:8081", simulated()))
    assert settings["VOCALIZED_DEFAULT_CARRIER"] == left[0]
    for name, side in (("twilio", network.twilio), ("telnyx", network.telnyx)):
        assert (side is not None) == (name in left)
        others = [value for variable, value in settings.items() if name.upper() in variable and value != "theirs"]
        assert bool(others) == (name in left)


def test_without_a_simulated_carrier_none_is_chosen(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOCALIZED_TWILIO_ACCOUNT_SID", "theirs")
    monkeypatch.setenv("VOCALIZED_TELNYX_API_KEY", "theirs")
    assert simulated() == ()
    assert "VOCALIZED_DEFAULT_CARRIER" not in program_settings(tmp_path, PORTS, STORES, keys)


def test_both_sides_of_a_carrier_know_the_same_keys(tmp_path: Path, keys: CarrierKeys) -> None:
    network = make_config(network_settings(PORTS, keys, "http://127.0.0.1:8081", simulated()))
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    assert network.twilio and network.telnyx
    told = f"{network.twilio.account_sid}={network.twilio.auth_token}"
    assert settings["VOCALIZED_TWILIO_AUTH_TOKENS"] == told
    assert settings["VOCALIZED_TELNYX_API_KEY"] == network.telnyx.api_key
    assert settings["VOCALIZED_TELNYX_CONNECTION_ID"] == network.telnyx.connection_id
    assert network.telnyx.webhook_url == "http://127.0.0.1:8081/webhooks/calls/inbound"


def test_the_key_that_seals_is_made_once(tmp_path: Path, keys: CarrierKeys) -> None:
    first = program_settings(tmp_path, PORTS, STORES, keys)["VOCALIZED_SECRET_KEYS"]
    assert program_settings(tmp_path, PORTS, STORES, keys)["VOCALIZED_SECRET_KEYS"] == first
    assert (tmp_path / "secret-keys").stat().st_mode & 0o777 == 0o600
