"""In which language a text was spoken, as vendors tell it."""

from typing import Any

import msgspec
import pytest

from media.providers.ports import RecognizedText
from shared.providers.segments import TurnTranscript
from shared.providers.speech import most_spoken, read_language
from vendors.azure_speech.wire import AzureMessage, PhraseReader
from vendors.deepgram.wire import read_flux, read_nova
from vendors.elevenlabs.wire import ScribeTranscript
from vendors.soniox.wire import SonioxTranscript


@pytest.mark.parametrize(
    ("told", "language"),
    [("es", "es"), ("es-US", "es"), ("PT_BR", "pt"), (["de", "en"], "de"), ([], ""), (None, ""), (7, ""), ([7], "")],
)
def test_a_language_is_its_code_without_a_region(told: Any, language: str) -> None:
    assert read_language(told) == language


def test_most_of_the_text_decides() -> None:
    assert most_spoken([("en", "ok"), ("es", "buenos días"), ("", "a long text without any")]) == "es"
    assert most_spoken([("", "hello"), ("en", " ")]) == ""


def nova_answer(languages: Any) -> RecognizedText | None:
    transcript = TurnTranscript()
    transcript.finalize(1, 900.0)
    alternative = {"transcript": "buenos días", "words": [], "languages": languages}
    message = {"type": "Results", "duration": 1.0, "is_final": True, "channel": {"alternatives": [alternative]}}
    result = read_nova("a", msgspec.json.encode(message))
    assert result is not None
    return transcript.add(result)


@pytest.mark.parametrize(("told", "language"), [(["es", "en"], "es"), (None, ""), ({"a": 1}, "")])
def test_nova_reports_the_language_if_several_are_set(told: Any, language: str) -> None:
    answer = nova_answer(told)
    assert answer is not None and answer.final
    assert (answer.text, answer.language) == ("buenos días", language)


def test_flux_reports_the_language() -> None:
    message = {
        **{"type": "TurnInfo", "event": "EndOfTurn", "trigger": "manual", "audio_window_end": 1.0},
        **{"transcript": "guten Tag", "languages": ["de"]},
    }
    result = read_flux("a", msgspec.json.encode(message))
    assert result is not None and result.segment.language == "de"


def test_scribe_reports_the_language_with_word_times() -> None:
    transcript = ScribeTranscript("a", times_words=True)
    transcript.commit(900.0)
    transcript.finalize(1, 900.0)
    words = [{"text": "bonjour", "start": 0.1, "end": 0.6}]
    kind = "committed_transcript_with_timestamps"
    message = {"message_type": kind, "text": "bonjour", "language_code": "fr", "words": words}
    answer = transcript.read(msgspec.json.encode(message))
    assert answer is not None and (answer.final, answer.language) == (True, "fr")


def test_soniox_reports_the_language_of_each_token() -> None:
    transcript = SonioxTranscript("a", "finalize")
    transcript.finalize(1, 900.0)
    tokens = [
        {"text": " OK", "start_ms": 0, "end_ms": 100, "is_final": True, "language": "en"},
        {"text": " buenos", "start_ms": 100, "end_ms": 500, "is_final": True, "language": "es"},
        {"text": "<fin>", "is_final": True},
    ]
    answer = transcript.read(msgspec.json.encode({"tokens": tokens}), 900.0)
    assert answer is not None and (answer.final, answer.text, answer.language) == (True, "OK buenos", "es")


@pytest.mark.parametrize(("confidence", "language"), [("High", "es"), ("Medium", "es"), ("Low", ""), (None, "")])
def test_azure_reports_the_language_when_confident(confidence: str | None, language: str) -> None:
    phrase = {
        **{"RecognitionStatus": "Success", "DisplayText": "Hola.", "Offset": 0, "Duration": 5_000_000},
        "PrimaryLanguage": {"Language": "es-MX", "Confidence": confidence},
    }
    message = AzureMessage("speech.phrase", "r", msgspec.json.encode(phrase))
    result = PhraseReader("a").read(message, 0.0)
    assert result is not None and (result.segment.text, result.segment.language) == ("Hola.", language)
