"""The documents list every setting with its default, unit and description, and no others."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.settings import PREFIX, BackupSettings, ControlSettings, MediaSettings, MigrationSettings

DOCS = Path(__file__).parents[2] / "docs" / "run"
UNITS = {"_s": "s", "_bytes": "bytes", "_kib": "KiB"}


def default(field: FieldInfo) -> str:
    value: Any = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if field.is_required():
        return "required"
    if value in (None, "", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def variable(name: str) -> str:
    return f"`{PREFIX}{name.upper()}`"


# `migrate` has one of its own.
CONTROL = MigrationSettings.model_fields | ControlSettings.model_fields


@pytest.mark.parametrize("name", CONTROL)
def test_control_setting_is_documented(name: str) -> None:
    field = CONTROL[name]
    line = f"| {variable(name)} | {default(field)} | {unit(name)} | {field.description} |".replace("|  |", "| |")
    assert line in (DOCS / "control.md").read_text().splitlines()


@pytest.mark.parametrize("name", MediaSettings.model_fields)
def test_media_setting_is_documented(name: str) -> None:
    assert brief_line(MediaSettings, name) in (DOCS / "media-server.md").read_text().splitlines()


@pytest.mark.parametrize("name", BackupSettings.model_fields)
def test_setting_of_backups_is_documented(name: str) -> None:
    assert brief_line(BackupSettings, name) in (DOCS / "backups.md").read_text().splitlines()


def brief_line(settings: type[MediaSettings] | type[BackupSettings], name: str) -> str:
    field = settings.model_fields[name]
    return f"| {variable(name)} | {default(field)} | {field.description} |"


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ("control.md", CONTROL),
        ("media-server.md", MediaSettings.model_fields),
        ("backups.md", BackupSettings.model_fields),
    ],
)
def test_only_existing_settings_are_documented(document: str, fields: dict[str, FieldInfo]) -> None:
    documented = set(re.findall(rf"^\| (`{PREFIX}\w+`) \|", (DOCS / document).read_text(), re.MULTILINE))
    assert documented == {variable(name) for name in fields}
