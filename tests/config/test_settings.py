"""Settings of the media program from the environment; one error lists all invalid ones."""

import os
from pathlib import Path

import pytest

from config.settings import PREFIX, MediaSettings, SettingsError, media_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = media_settings()
    assert settings.media_host == "127.0.0.1"
    assert settings.media_state == Path("var/media")
    assert settings.media_max_calls == 400
    assert settings.log_level == "info"


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in MediaSettings.model_fields.values())


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_MEDIA_HOST", "0.0.0.0")
    monkeypatch.setenv("VOCALIZED_MEDIA_STATE", "/srv/calls")
    monkeypatch.setenv("VOCALIZED_MEDIA_DRAIN_TIMEOUT_S", "12.5")
    monkeypatch.setenv("VOCALIZED_MEDIA_MAX_CALLS", "7")
    settings = media_settings()
    assert settings.media_host == "0.0.0.0"
    assert settings.media_state == Path("/srv/calls")
    assert settings.media_drain_timeout_s == 12.5
    assert settings.media_max_calls == 7


def test_environment_is_not_read_on_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_MEDIA_MAX_CALLS", "1")
    assert media_settings().media_max_calls == 1
    monkeypatch.setenv("VOCALIZED_MEDIA_MAX_CALLS", "2")
    assert media_settings().media_max_calls == 2


def test_variables_of_other_programs_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", "postgresql://localhost")
    monkeypatch.setenv("MEDIA_MAX_CALLS", "not ours")
    assert media_settings().media_max_calls == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEDIA_MAX_CALLS", "0"),
        ("MEDIA_MAX_CALLS", "many"),
        ("MEDIA_MAX_CALLS", ""),
        ("MEDIA_START_TIMEOUT_S", "0"),
        ("MEDIA_RECEIVE_TIMEOUT_S", "-1"),
        ("MEDIA_DRAIN_TIMEOUT_S", "nan"),
        ("MEDIA_SEND_TIMEOUT_S", "inf"),
        ("MEDIA_MAX_MESSAGE_BYTES", "1.5"),
        ("LOG_LEVEL", "loud"),
        ("REDIS_URL", "redis://h:port"),
        ("REDIS_URL", "h:6379"),
        ("STORAGE_URL", "http://h/folder"),
        ("STORAGE_URL", "s3://"),
    ],
)
def test_error_names_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError, match=f"^settings: VOCALIZED_{name}: [^;]+$"):
        media_settings()


def test_error_lists_all_variables_and_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = ("MEDIA_MAX_CALLS", "MEDIA_MAX_MESSAGES_PER_S", "MEDIA_SEND_TIMEOUT_S", "LOG_LEVEL")
    for name in faulty:
        monkeypatch.setenv(PREFIX + name, "s3cret")
    with pytest.raises(SettingsError) as caught:
        media_settings()
    message = str(caught.value)
    assert [part.split(":")[0] for part in message.removeprefix("settings: ").split("; ")] == [
        PREFIX + name for name in faulty
    ]
    assert "s3cret" not in message
