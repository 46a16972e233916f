"""Model files: found in installed packages, and no others than the known ones."""

import hashlib
from pathlib import Path

import pytest

from media.providers.local import models
from media.providers.local.models import ModelCorrupt, ModelError, ModelFile, ModelMissing

CONTENT = b"a model"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package with one data file; it cannot be imported, for nothing of it is to be run."""
    folder = tmp_path / "some_voice"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError")
    (folder / "data" / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def test_reads_a_known_file_without_importing_its_package(package: str) -> None:
    file = ModelFile(package, "data/model.bin", hashlib.sha256(CONTENT).hexdigest())
    assert models.read(file) == CONTENT


def test_another_file_is_refused_by_name(package: str) -> None:
    with pytest.raises(ModelCorrupt, match=r"^some_voice/data/model.bin: its SHA-256"):
        models.read(ModelFile(package, "data/model.bin", "0" * 64))


@pytest.mark.parametrize("path", ["data/other.bin", "data"])
def test_a_file_that_is_not_there_is_named(package: str, path: str) -> None:
    with pytest.raises(ModelMissing, match=f"^some_voice/{path}: not found"):
        models.read(ModelFile(package, path, ""))


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelMissing, match=r"^no_such_package/a: not found; install"):
        models.read(ModelFile("no_such_package", "a", ""))


def test_both_faults_are_model_errors() -> None:
    assert issubclass(ModelMissing, ModelError)
    assert issubclass(ModelCorrupt, ModelError)
