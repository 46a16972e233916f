"""Model files: found in installed packages, and refused if their hash differs."""

import hashlib
from pathlib import Path

import pytest

from media.providers.local import models
from media.providers.local.models import ModelCorrupt, ModelFile, ModelMissing, SpeechModelError

CONTENT = b"a model"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes an installed package with one data file; importing it fails, because none of its code may run."""
    folder = tmp_path / "some_voice"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError")
    (folder / "data" / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def test_a_known_file_is_read_without_importing_its_package(package: str) -> None:
    file = ModelFile(package, "data/model.bin", hashlib.sha256(CONTENT).hexdigest())
    assert models.read_model_file(file) == CONTENT


def test_a_file_with_another_hash_is_refused_by_name(package: str) -> None:
    with pytest.raises(ModelCorrupt, match=r"^some_voice/data/model.bin: its SHA-256"):
        models.read_model_file(ModelFile(package, "data/model.bin", "0" * 64))


@pytest.mark.parametrize("path", ["data/other.bin", "data"])
def test_a_missing_file_is_named(package: str, path: str) -> None:
    with pytest.raises(ModelMissing, match=f"^some_voice/{path}: not found"):
        models.read_model_file(ModelFile(package, path, ""))


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ModelMissing, match=r"^no_such_package/a: not found; install"):
        models.read_model_file(ModelFile("no_such_package", "a", ""))


def test_missing_and_corrupt_are_model_errors() -> None:
    assert issubclass(ModelMissing, SpeechModelError)
    assert issubclass(ModelCorrupt, SpeechModelError)
