"""What we are built from: every package has hashes, and a license that may be shipped."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools.licenses import Policy, as_markdown, locked_packages, read_policy, shipped_licenses

ROOT = Path(__file__).parents[1]
POLICY = Policy(frozenset({"MIT", "ISC"}), {"MIT License": "MIT"}, {})


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    packages = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert packages
    for package in packages:
        assert re.match(r"#|[\w.-]+==\S+", package), package
        assert package.startswith("#") or "--hash=sha256:" in package, package


def test_every_license_is_allowed() -> None:
    policy = read_policy()
    licenses = shipped_licenses(policy)
    assert len(licenses) > 100
    refused = {package: license for package, license in licenses.items() if not policy.permits(license)}
    assert not refused, "see tools/licences.toml"
    assert "| aiohttp |" in as_markdown(licenses)


def test_stated_licenses_are_of_locked_packages_and_name_their_source() -> None:
    entries = tomllib.loads((ROOT / "tools" / "licences.toml").read_text())["packages"]
    assert entries.keys() <= {name for name, _ in shipped_licenses(read_policy())}
    assert all(entry.keys() == {"licence", "source"} and entry["source"] for entry in entries.values())


@pytest.mark.parametrize("license", ["MIT", "MIT License", "MIT AND ISC", "GPL-3.0-only OR MIT"])
def test_allowed_expressions(license: str) -> None:
    assert POLICY.permits(license)


@pytest.mark.parametrize(
    "license",
    ["", "unknown", "not installed", "GPL-3.0-only", "MIT AND AGPL-3.0-only", "GPL-2.0-only AND (MIT OR ISC)"],
)
def test_other_expressions(license: str) -> None:
    assert not POLICY.permits(license)


def test_packages_of_other_platforms_are_left_out() -> None:
    lock = "# x\na==1.0 \\\n    --hash=sha256:1\nb==2 ; sys_platform == 'win32' \\\n    --hash=sha256:2\n"
    assert list(locked_packages(lock)) == [("a", "1.0")]


def test_an_audit_that_could_not_look_a_package_up_fails(tmp_path: Path) -> None:
    """pip-audit alone ends with 0 then. Both programs are stood in for: they need an environment and the internet."""
    audit, ours = tmp_path / "audit" / "bin", tmp_path / "ours" / "bin"
    for folder in (audit, ours):
        folder.mkdir(parents=True)
    (audit.parent / ".set-up").touch()
    calls = tmp_path / "calls"
    _program(audit / "pip-audit", f'echo "$@" >> {calls}; case "$*" in *--strict*control.txt) exit 1;; esac')
    _program(ours / "python", f'echo "$@" >> {calls}')
    environment = {"PATH": "/usr/bin:/bin", "AUDIT": str(audit.parent), "VENV": str(ours.parent)}
    done = subprocess.run([ROOT / "tools" / "supply.sh", "audit"], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 1
    said = calls.read_text()
    assert [name for name in ("media", "control", "local") if f"requirements/{name}.txt" in said] == [
        "media",
        "control",
        "local",
    ]
    assert "-m tools.licenses" in said, "the licenses are looked at all the same"


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_audits_tools_are_not_in_the_images() -> None:
    tools = {"pip-audit", "cyclonedx-bom"}
    locked = {
        path.stem: set(re.findall(r"^([\w.-]+)==", path.read_text(), re.M))
        for path in (ROOT / "requirements").glob("*.txt")
    }
    assert tools <= locked["audit"]
    assert not tools & (locked["media"] | locked["control"] | locked["local"])
