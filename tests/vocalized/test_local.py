"""The local voice and recogniser as the caller's side uses them: the real models, and what is said without them."""

import builtins
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from vocalized.local import faulty_models, load_recogniser, load_voice, sentences
from vocalized.readback import RATE, words_of
from vocalized.voice import VoiceError


@pytest.mark.speech
def test_what_the_voice_says_the_recogniser_hears() -> None:
    voice, recognise = load_voice(), load_recogniser()
    pcm = voice("Hello, I would like to leave a message. Thank you.")
    assert 2 * RATE < len(pcm) < 2 * 8 * RATE
    heard = words_of(recognise(pcm))
    assert {"like", "leave", "message", "thank"} <= set(heard)


def test_a_text_is_cut_into_sentences() -> None:
    assert sentences(" One. Two, and three!  Four? ") == ["One.", "Two, and three!", "Four?"]
    assert sentences("No end") == ["No end"]


def test_the_installed_model_files_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faulty_models() == []
    monkeypatch.setattr(hashlib, "sha256", lambda data: SimpleNamespace(hexdigest=lambda: "0" * 64))
    assert len(faulty_models()) >= 5


@pytest.mark.parametrize("load", [load_voice, load_recogniser])
def test_a_missing_package_is_named(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without_models(name: str, *rest: Any) -> Any:
        if name.startswith("media.providers.local"):
            raise ModuleNotFoundError(f"No module named {name}", name="onnxruntime")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_models)
    with pytest.raises(VoiceError, match="onnxruntime"):
        load()


@pytest.mark.parametrize(("load", "kind"), [(load_voice, "voice"), (load_recogniser, "recogniser")])
def test_a_damaged_model_is_named(load: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "sha256", lambda data: SimpleNamespace(hexdigest=lambda: "0" * 64))
    with pytest.raises(VoiceError, match=f"the local {kind}: .*SHA-256"):
        load()
