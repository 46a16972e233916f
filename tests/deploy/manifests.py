"""Reads the YAML manifests, and the settings that the programs read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

from config.settings import PREFIX, BackupSettings, ControlSettings, MediaSettings, MigrationSettings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
# Read by the object storage library itself.
_STORAGE_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

_SETTINGS: Mapping[str, tuple[type[BaseSettings], ...]] = {
    "media": (MediaSettings,),
    "control": (ControlSettings, MigrationSettings),
    "backup": (BackupSettings,),
}

Manifest = dict[str, Any]


def known(program: str) -> set[str]:
    """The variables that a program reads."""
    fields = (name for settings in _SETTINGS[program] for name in settings.model_fields)
    return {f"{PREFIX}{name.upper()}" for name in fields} | _STORAGE_KEYS


def manifests(path: Path) -> list[Manifest]:
    """All documents of a file."""
    found: list[Manifest] = list(yaml.safe_load_all(path.read_text()))
    return found


def all_manifests() -> Iterator[tuple[str, Manifest]]:
    """All Kubernetes manifests with their file names."""
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for manifest in manifests(path):
            yield path.name, manifest


def of_kind(*kinds: str) -> list[Manifest]:
    """The manifests of these kinds."""
    return [manifest for _, manifest in all_manifests() if manifest["kind"] in kinds]
