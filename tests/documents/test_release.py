"""All places that name the version name the newest release of CHANGELOG.md."""

import re
import tomllib
from pathlib import Path

from control.app import VERSION

ROOT = Path(__file__).parents[2]


def test_version_is_the_newest_release() -> None:
    newest = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )[0]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == newest
    assert newest == VERSION


def test_manifests_name_images_of_the_newest_release() -> None:
    named = [
        tag
        for manifest in (ROOT / "deploy" / "kubernetes").glob("*.yaml")
        for tag in re.findall(r"image: vocalized-\w+:(\S+)", manifest.read_text())
    ]
    assert set(named) == {VERSION}
