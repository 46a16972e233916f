"""The catalog of pipecat's services: up to date, and strict."""

from typing import Any

import pytest

from shared.pipecat_services import find_faults, find_service, list_names, read_catalog
from tools.pipecat_catalog import TARGET, encode_catalog, installed, make_catalog


def test_the_catalog_is_that_of_the_installed_pipecat() -> None:
    """Else run `python -m tools.pipecat_catalog`."""
    assert TARGET.read_text() == encode_catalog(make_catalog(*installed()))


def test_each_service_has_one_short_name() -> None:
    services = read_catalog().services
    names = [full.rpartition(".")[2] for full in services]
    assert len(set(names)) == len(names) > 100
    assert all(find_service(name) == find_service(full) for name, full in zip(names, services, strict=True))
    assert all(full.startswith("pipecat.services.") for full in services)
    assert all(len(list_names(kind)) >= 25 for kind in ("stt", "llm", "tts"))


def test_no_setting_is_a_secret_or_an_object_of_the_program() -> None:
    settings = {name for service in read_catalog().services.values() for name in service.settings}
    forbidden = {
        "api_key",
        "credentials",
        "aws_secret_access_key",
        "aws_session_token",
        "aiohttp_session",
        "params",
        "client",
    }
    assert not settings & forbidden
    assert {"keyterm", "keywords", "keyterms", "max_tokens"} & settings


@pytest.mark.parametrize(
    ("service", "settings", "has_key", "field"),
    [
        ("SonioxSTTService", {"url": "wss://x.example", "language_hints": ["en"]}, True, ""),
        ("pipecat.services.soniox.stt.SonioxSTTService", {}, True, ""),
        ("pipecat.services.stt_service.STTService", {}, True, "service"),
        ("os.system", {}, True, "service"),
        (["SonioxSTTService"], {}, True, "service"),
        ("SonioxSTTService", {}, False, "api_key"),
        ("GoogleSTTService", {}, True, "api_key"),
        ("SonioxSTTService", {"num_channels": True}, True, "settings.num_channels"),
        ("SonioxSTTService", {"url": "x" * 5_000}, True, "settings.url"),
        ("SonioxSTTService", {"url": None}, True, "settings.url"),
        ("SonioxSTTService", {"sample_rate": 22_050}, True, "settings.sample_rate"),
        ("SonioxSTTService", {"settings": {}}, True, "settings.settings"),
        ("SonioxSTTService", "url", True, "settings"),
        ("SonioxSTTService", {"num_channels": 10**30}, True, "settings.num_channels"),
        ("SonioxSTTService", {"endpoint_sensitivity": float("nan")}, True, "settings.endpoint_sensitivity"),
        ("SonioxSTTService", {"extra": {"prompt_cache_key": "a", "temperature": 1}}, True, ""),
        ("SonioxSTTService", {"extra": {"extra_headers": {"Authorization": "Bearer x"}}}, True, "settings.extra"),
        ("SonioxSTTService", {"extra": {"xi-api-key": "x"}}, True, "settings.extra"),
        ("SonioxSTTService", {"context": [{"accessToken": "x"}]}, True, "settings.context"),
        ("SonioxSTTService", {"url": "wss://me:pass@x.example"}, True, "settings.url"),
        ("SonioxSTTService", {"url": "wss://x.example/v1?model=a&api_key=x"}, True, "settings.url"),
        ("SonioxSTTService", {"url": "wss://x.example/v1?model=a"}, True, ""),
    ],
)
def test_what_a_service_takes(service: object, settings: Any, has_key: bool, field: str) -> None:
    faults = [at for at, _ in find_faults("stt", service, settings, has_key=has_key)]
    assert faults == ([field] if field else [])


def test_a_setting_without_a_default_is_needed() -> None:
    faults = [at for at, _ in find_faults("tts", "PiperHttpTTSService", {}, has_key=False)]
    assert faults == ["settings.base_url"]
