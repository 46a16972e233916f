"""Which languages recognizers hear together, and voices speak: control and media go by the same."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from shared.providers.facts import RecognizerFacts, VoiceFacts
from vendors.registry import VENDORS, hear_languages, speaks

BOTH = ("en-US", "es")


def hear(vendor: str, languages: tuple[str, ...], **options: Any) -> dict[str, Any] | None:
    """The options that are changed; None where it cannot hear them all."""
    made = msgspec.convert(options, VENDORS[vendor].schemas["stt"])
    found = hear_languages(vendor, made, languages)
    if found is None:
        return None
    before, after = (msgspec.json.decode(msgspec.json.encode(one)) for one in (made, found))
    return {name: value for name, value in after.items() if value != before[name]}


@pytest.mark.parametrize(
    ("vendor", "options", "changed"),
    [
        ("soniox", {}, {"languages": ["en", "es"]}),
        (
            "soniox",
            {"only_language": True, "language": "de"},
            {"languages": ["en", "es"], "only_language": False, "language": ""},
        ),
        ("azure-speech", {}, {"languages": ["en-US", "es-ES"]}),
        ("azure-speech", {"endpoint_id": "mine"}, None),
        ("deepgram", {"model": "nova-3"}, {"language": "multi"}),
        ("deepgram", {"model": "nova-2"}, {"language": "multi"}),
        ("deepgram", {"model": "flux-general-multi"}, {"languages": ["en", "es"]}),
        ("deepgram", {"model": "flux-general-en"}, None),
        ("deepgram", {"model": "nova-3-medical"}, None),
        ("elevenlabs", {"word_times": False}, {"language": "auto", "word_times": True}),
        ("cartesia", {"model": "ink-whisper"}, None),
        ("google-speech", {}, None),
        ("standin", {}, None),
    ],
)
def test_a_recognizer_is_made_to_hear_all_languages(
    vendor: str, options: Mapping[str, Any], changed: Mapping[str, Any] | None
) -> None:
    assert hear(vendor, BOTH, **options) == changed


@pytest.mark.parametrize(
    ("vendor", "options", "languages"),
    [
        ("soniox", {}, ("en", "tlh")),
        ("azure-speech", {}, ("en", "tlh")),
        ("deepgram", {"model": "nova-3"}, ("en", "pl")),
        ("deepgram", {"model": "nova-2"}, ("en", "de")),
        ("deepgram", {"model": "flux-general-multi"}, ("en", "pl")),
    ],
)
def test_a_language_that_it_does_not_know_is_heard_by_none(
    vendor: str, options: Mapping[str, Any], languages: tuple[str, ...]
) -> None:
    assert hear(vendor, languages, **options) is None


def test_recognizers_hear_several_languages_that_declare_to_tell_them() -> None:
    for vendor, known in VENDORS.items():
        for facts in known.services.get("stt", ()):
            assert isinstance(facts, RecognizerFacts)
            model = {"model": _some_model(facts.models[0])} if facts.models[0] else {}
            made = msgspec.convert(model, known.schemas["stt"])
            heard = hear_languages(vendor, made, BOTH)
            assert (heard is not None) == facts.detects_language, (vendor, facts.name)


def _some_model(prefix: str) -> str:
    full = {"stt-rt-": "stt-rt-v5", "flux-": "flux-general-multi", "nova-": "nova-3"}
    return full.get(prefix, prefix)


@pytest.mark.parametrize(
    ("vendor", "options", "spoken"),
    [
        ("soniox", {}, {"es": True, "tlh": False, "nb": True}),
        ("azure-speech", {"voice_id": "es-MX-DaliaNeural"}, {"es-ES": True, "en": False}),
        ("azure-speech", {"voice_id": "en-US-AvaMultilingualNeural"}, {"es": True, "tlh": False}),
        ("azure-speech", {}, {"es": True}),
        ("deepgram", {"model": "aura-2-celeste-es"}, {"es-MX": True, "en": False}),
        ("deepgram", {}, {"en-GB": True, "es": False}),
        ("elevenlabs", {}, {"es": True, "nb": True, "cy": False}),
        ("elevenlabs", {"model": "eleven_multilingual_v2"}, {"cy": True}),
        ("google-speech", {"language": "es-US"}, {"es": True, "en": False}),
        ("google-speech", {}, {"es": True}),
        ("local", {}, {"en-GB": True, "es": False}),
        ("cartesia", {}, {"es": True}),
    ],
)
def test_which_languages_a_voice_speaks(vendor: str, options: Mapping[str, Any], spoken: Mapping[str, bool]) -> None:
    assert {language: speaks(vendor, options, language) for language in spoken} == spoken


def test_voices_speak_the_languages_that_they_declare() -> None:
    for vendor, known in VENDORS.items():
        for facts in known.services.get("tts", ()):
            assert isinstance(facts, VoiceFacts)
            assert all(speaks(vendor, {}, language) for language in facts.languages), vendor
