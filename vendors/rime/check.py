"""How control checks a Rime key: with one short word, because only speech checks the model and the voice.

Rime documents no HTTP resource that requires a key. wire.py lists the sources.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.providers.check import LANGUAGE, WORD, SpeechQuestion, VendorCheck
from vendors.rime import wire
from vendors.rime.facts import RimeTextToSpeechOptions


def _speak(options: RimeTextToSpeechOptions) -> SpeechQuestion:
    messages = wire.RimeContexts("rime", lambda: "check").add_text(WORD)
    url = wire.make_url(options, wire.require_language("rime", options, LANGUAGE))
    texts = tuple(message.decode() for message in messages)
    return SpeechQuestion(url, wire.make_headers(options.api_key), texts, needs_answer=True)


def _find_status(message: Mapping[str, Any]) -> int | None:
    return wire.find_status(str(message.get("message", ""))) if message.get("type") == "error" else None


CHECK: Final = VendorCheck(questions={"tts": _speak}, find_status=_find_status)
