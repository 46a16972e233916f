"""The media program: models that judge the caller's words are refused, loaded, or left out, before it listens."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media import command as program
from media.server.worker_process import WorkerOptions
from media.turn.completeness import COMPLETENESS_EN

PLAN = Path(__file__).parents[2] / "config" / "plans" / "standin.json"
DIGEST = hashlib.sha256(COMPLETENESS_EN.read_bytes()).hexdigest()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[WorkerOptions]:
    """The options of the workers that `main` would have run."""
    options: list[WorkerOptions] = []
    monkeypatch.setattr(program, "configure_logs", lambda level: None)
    monkeypatch.setattr(program, "run_worker", options.append)
    return options


def run(monkeypatch: pytest.MonkeyPatch, model: str, sha256: str) -> int:
    monkeypatch.setenv("VOCALIZED_MEDIA_COMPLETENESS_MODEL", model)
    monkeypatch.setenv("VOCALIZED_MEDIA_COMPLETENESS_SHA256", sha256)
    return program.main(["--port", "0", "--plan", str(PLAN)])


def test_a_model_of_ones_own_is_loaded(monkeypatch: pytest.MonkeyPatch, started: list[WorkerOptions]) -> None:
    assert run(monkeypatch, str(COMPLETENESS_EN), DIGEST) == 0
    (options,) = started
    assert options.completeness is not None
    assert options.completeness.supports("en")


def test_without_one_the_worker_takes_the_shipped(
    monkeypatch: pytest.MonkeyPatch, started: list[WorkerOptions]
) -> None:
    assert run(monkeypatch, "", "") == 0
    assert started[0].completeness is None


@pytest.mark.parametrize(
    ("model", "sha256", "message"),
    [
        (str(COMPLETENESS_EN), "0" * 64, "MEDIA_COMPLETENESS_MODEL: completeness_en.npz: its SHA-256 is"),
        ("/gone/model.npz", "0" * 64, "MEDIA_COMPLETENESS_MODEL: model.npz: No such file"),
        (str(COMPLETENESS_EN), "", "MEDIA_COMPLETENESS_SHA256: needed with VOCALIZED_MEDIA_COMPLETENESS_MODEL"),
        ("", DIGEST, "MEDIA_COMPLETENESS_MODEL: needed with VOCALIZED_MEDIA_COMPLETENESS_SHA256"),
        (str(COMPLETENESS_EN), "abc", "MEDIA_COMPLETENESS_SHA256"),
    ],
    ids=["another", "missing", "no-hash", "no-file", "bad-hash"],
)
def test_another_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    started: list[WorkerOptions],
    model: str,
    sha256: str,
    message: str,
) -> None:
    assert run(monkeypatch, model, sha256) == 2
    assert message in capsys.readouterr().err
    assert started == []


def test_the_teacher_runs_beside_the_worker_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "configure_logs", lambda level: None)
    running: list[Path] = []

    @contextmanager
    def recorded(path: Path) -> Iterator[None]:
        running.append(path)
        yield
        running.clear()

    monkeypatch.setattr(program, "running_teacher", recorded)
    seen: list[tuple[WorkerOptions, list[Path]]] = []
    monkeypatch.setattr(program, "run_worker", lambda options: seen.append((options, list(running))))
    arguments = ["--port", "0", "--plan", str(PLAN)]
    assert program.main(arguments) == 0
    monkeypatch.setenv("VOCALIZED_MEDIA_TURN_TEACHER", "true")
    assert program.main(arguments) == 0
    assert program.main([*arguments, "--teacher", "/run/teacher.sock"]) == 0
    (off, _), (on, paths), (given, others) = seen
    assert off.teacher_socket == ""
    assert paths == [Path(on.teacher_socket)]
    assert running == []
    assert (given.teacher_socket, others) == ("/run/teacher.sock", [])
