"""The settings of a local platform, with and without the user's own."""

from pathlib import Path

import pytest

from config.settings import ControlSettings, MediaSettings, control_settings, media_settings
from shared.bus.enrollment import parse_node_credential
from shared.secrets import new_key
from simulator.carrier.network.config import make_config
from vocalized.stack.carrier_keys import CarrierKeys, carrier_keys
from vocalized.stack.key_settings import parse_key_settings
from vocalized.stack.ports import Ports
from vocalized.stack.settings import (
    Stores,
    network_settings,
    node_settings,
    program_settings,
    simulated_carriers,
    worker_settings,
)

PORTS = Ports(control=8081, worker=9000, carrier=8082, media=(8083, 8084))
STORES = Stores("postgresql://owner@/vocalized?host=/run/x", "unix:///run/valkey.sock", Path("/run/engine.sock"))
KEYS = {"VOCALIZED_TOKEN_KEYS", "VOCALIZED_VAULT_KEYS", "VOCALIZED_BUS_KEYS"}
SECRETS = {"VOCALIZED_DATABASE_URL", "VOCALIZED_SMTP_URL", "VOCALIZED_TELNYX_API_KEY", *KEYS}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*ControlSettings.model_fields, *MediaSettings.model_fields]:
        monkeypatch.delenv(f"VOCALIZED_{name.upper()}", raising=False)


@pytest.fixture
def keys(tmp_path: Path) -> CarrierKeys:
    return carrier_keys(tmp_path)


def own_settings(settings: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name.startswith("VOCALIZED_")}


def use(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in own_settings(settings).items():
        monkeypatch.setenv(name, value)


def test_control_reads_the_settings_of_both_simulated_carriers(
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


def test_every_setting_is_read_by_a_program(tmp_path: Path, keys: CarrierKeys) -> None:
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    known = {f"VOCALIZED_{name.upper()}" for name in [*ControlSettings.model_fields, *MediaSettings.model_fields]}
    assert own_settings(settings).keys() <= known
    assert own_settings(node_settings(settings, 8083)).keys() <= known


def test_node_has_its_own_address_and_no_foreign_secrets(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    node = node_settings(settings, 8084)
    use(monkeypatch, node)
    read = media_settings()
    assert read.media_public_url == "ws://127.0.0.1:8084"
    assert read.local_engine_socket == "/run/engine.sock"
    assert not SECRETS & node.keys() and settings.keys() >= SECRETS


def test_user_settings_win_except_for_the_stores(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOCALIZED_WEBHOOK_URL", "https://tunnel.example.com")
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", "postgresql://elsewhere/x")
    monkeypatch.setenv("VOCALIZED_SMTP_URL", "smtp://mail.example.com")
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    assert settings["VOCALIZED_WEBHOOK_URL"] == "https://tunnel.example.com"
    assert settings["VOCALIZED_DATABASE_URL"] == STORES.database_url
    assert settings["VOCALIZED_SMTP_URL"] == "smtp://mail.example.com"


@pytest.mark.parametrize(
    ("variable", "unset"),
    [
        ("", ("twilio", "telnyx")),
        ("VOCALIZED_TWILIO_ACCOUNT_SID", ("telnyx",)),
        ("VOCALIZED_TWILIO_API_URL", ("telnyx",)),
        ("VOCALIZED_TELNYX_API_KEY", ("twilio",)),
    ],
)
def test_configured_carrier_is_real(
    variable: str, unset: tuple[str, ...], tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "theirs")
    assert simulated_carriers() == unset
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    network = make_config(network_settings(PORTS, keys, "http://127.0.0.1:8081", simulated_carriers()))
    assert settings["VOCALIZED_DEFAULT_CARRIER"] == unset[0]
    for name, side in (("twilio", network.twilio), ("telnyx", network.telnyx)):
        assert (side is not None) == (name in unset)
        others = [value for variable, value in settings.items() if name.upper() in variable and value != "theirs"]
        assert bool(others) == (name in unset)


def test_without_a_simulated_carrier_there_is_no_default_carrier(
    tmp_path: Path, keys: CarrierKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOCALIZED_TWILIO_ACCOUNT_SID", "theirs")
    monkeypatch.setenv("VOCALIZED_TELNYX_API_KEY", "theirs")
    assert simulated_carriers() == ()
    assert "VOCALIZED_DEFAULT_CARRIER" not in program_settings(tmp_path, PORTS, STORES, keys)


def test_platform_and_network_have_the_same_keys(tmp_path: Path, keys: CarrierKeys) -> None:
    network = make_config(network_settings(PORTS, keys, "http://127.0.0.1:8081", simulated_carriers()))
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    assert network.twilio and network.telnyx
    tokens = f"{network.twilio.account_sid}={network.twilio.auth_token}"
    assert settings["VOCALIZED_TWILIO_AUTH_TOKENS"] == tokens
    assert settings["VOCALIZED_TELNYX_API_KEY"] == network.telnyx.api_key
    assert settings["VOCALIZED_TELNYX_CONNECTION_ID"] == network.telnyx.connection_id
    assert network.telnyx.webhook_url == "http://127.0.0.1:8081/webhooks/calls/inbound"


def test_keys_are_generated_once_and_differ(tmp_path: Path, keys: CarrierKeys) -> None:
    first, second = (program_settings(tmp_path, PORTS, STORES, keys) for _ in range(2))
    assert all(first[name] == second[name] for name in KEYS)
    assert len({first[name] for name in KEYS}) == len(KEYS)
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in ("token-keys", "vault-keys", "bus-keys"))


def test_node_has_a_pass_for_its_address_only(tmp_path: Path, keys: CarrierKeys) -> None:
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    node_credential = parse_node_credential(node_settings(settings, 8084)["VOCALIZED_MEDIA_PASS"])
    assert node_credential.url == "ws://127.0.0.1:8084"
    assert all(settings[name] not in node_settings(settings, 8084).values() for name in KEYS)
    assert not KEYS - worker_settings(settings).keys() - {"VOCALIZED_TOKEN_KEYS"}


def test_keys_of_the_version_before_stay_beside_the_new_sets(tmp_path: Path, keys: CarrierKeys) -> None:
    old = new_key()
    (tmp_path / "secret-keys").write_text(old)
    settings = program_settings(tmp_path, PORTS, STORES, keys)
    found = parse_key_settings(settings)
    assert settings["VOCALIZED_SECRET_KEYS"] == old and found.missing == ()
    assert all(sets[1:] == found.shared for sets in (found.tokens, found.vault, found.bus))
    assert "VOCALIZED_SECRET_KEYS" not in node_settings(settings, 8084)
