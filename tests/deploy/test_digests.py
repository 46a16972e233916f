"""The images that others publish are named by digest, and the tool that renews the digests works."""

from pathlib import Path

import pytest

from tests.deploy.manifests import ROOT
from tools.image_digests import files, images, main

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
# Stands for the Docker client, which asks a registry.
CLIENT = f"""#!/bin/sh
[ "$1 $2 $3" = "buildx imagetools inspect" ] || exit 2
[ "$4" = gone:1 ] && {{ echo "gone:1: not found" >&2; exit 1; }}
echo {NEW}
"""


def test_every_image_of_others_has_its_digest() -> None:
    named = {path.relative_to(ROOT).as_posix(): list(images(path.read_text())) for path in files()}
    missing = {(path, tag) for path, found in named.items() for tag, digest in found if digest is None}
    assert not missing, "python -m tools.image_digests writes them"
    tags = {tag.rpartition("/")[2].partition(":")[0] for found in named.values() for tag, _ in found}
    assert tags == {"python", "postgres", "valkey", "caddy", "garage", "nginx-unprivileged"}
    assert all(":" in tag and not tag.endswith(":latest") for found in named.values() for tag, _ in found)


def test_a_tag_has_one_digest_everywhere() -> None:
    pairs = {pair for path in files() for pair in images(path.read_text())}
    assert len({tag for tag, _ in pairs}) == len(pairs)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text(CLIENT)
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:/usr/bin:/bin")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "Dockerfile.x").write_text(f"FROM python:3.12-slim@{OLD} AS packages\nFROM python:3.12-slim@{OLD}\n")
    (tmp_path / "deploy" / "a.yaml").write_text("services:\n  a:\n    image: x/y:2\n  b:\n    image: vocalized-media\n")
    return tmp_path


def test_digests_are_checked_and_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], project) == 1
    assert capsys.readouterr().out.splitlines() == [f"python:3.12-slim is now {NEW}", f"x/y:2 is now {NEW}"]
    assert OLD in (project / "Dockerfile.x").read_text()
    assert main([], project) == 0
    assert (project / "Dockerfile.x").read_text() == (
        f"FROM python:3.12-slim@{NEW} AS packages\nFROM python:3.12-slim@{NEW}\n"
    )
    assert f"image: x/y:2@{NEW}\n" in (project / "deploy" / "a.yaml").read_text()
    assert "image: vocalized-media\n" in (project / "deploy" / "a.yaml").read_text()
    assert main(["--check"], project) == 0


def test_an_unknown_tag_changes_nothing(project: Path) -> None:
    (project / "deploy" / "b.yaml").write_text("image: gone:1\n")
    with pytest.raises(RuntimeError, match="gone:1: not found"):
        main([], project)
    assert OLD in (project / "Dockerfile.x").read_text()
