"""The caller's local voice and recognizer with the real models, and the errors without them."""

import builtins
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from vocalized.caller.local_speech import RATE, faulty_models, load_recognizer, load_voice, sentences
from vocalized.caller.voice import VoiceError
from vocalized.demo.readback import words_of


@pytest.mark.speech
def test_recognizer_understands_the_voice() -> None:
    voice, recognize = load_voice(), load_recognizer()
    pcm = voice("Hello, I would like to leave a message. Thank you.")
    assert 2 * RATE < len(pcm) < 2 * 8 * RATE
    heard = words_of(recognize(pcm))
    assert {"like", "leave", "message", "thank"} <= set(heard)


def test_text_is_split_into_sentences() -> None:
    assert sentences(" One. Two, and three!  Four? ") == ["One.", "Two, and three!", "Four?"]
    assert sentences("No end") == ["No end"]


def test_installed_model_files_match_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faulty_models() == []
    monkeypatch.setattr(hashlib, "sha256", lambda data: SimpleNamespace(hexdigest=lambda: "0" * 64))
    assert len(faulty_models()) >= 5


@pytest.mark.parametrize("load", [load_voice, load_recognizer])
def test_missing_package_is_named(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original_import = builtins.__import__

    def without_models(name: str, *rest: Any) -> Any:
        if name.startswith("media.providers.local"):
            raise ModuleNotFoundError(f"No module named {name}", name="onnxruntime")
        return original_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_models)
    with pytest.raises(VoiceError, match="onnxruntime"):
        load()


@pytest.mark.parametrize(("load", "kind"), [(load_voice, "voice"), (load_recognizer, "recognizer")])
def test_damaged_model_is_named(load: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "sha256", lambda data: SimpleNamespace(hexdigest=lambda: "0" * 64))
    with pytest.raises(VoiceError, match=f"the local {kind}: .*SHA-256"):
        load()
