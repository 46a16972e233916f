"""What Azure's speech service is asked to tell whether it accepts a key and settings.

Its recogniser tells by the handshake what it thinks of the key and the address, and of the rest only with audio, which
is binary. A voice speaks one short word, because only that tries the voice. Source: docs/vendors/azure.md.
"""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode
from xml.sax.saxutils import quoteattr

from control.voice.speech_question import WORD, SpeechQuestion
from vendors.azure_speech.facts import AZURE_REGION, AZURE_VOICE_ID, find_base_url

_SOCKET_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_FORMAT: Final = "raw-8khz-8bit-mono-mulaw"
_SSML: Final = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xmlns:mstts='http://www.w3.org/2001/mstts' "
    "xml:lang='en-US'><voice name={voice}>{text}</voice></speak>"
)


def listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    """A connection of the recogniser."""
    endpoint = options.get("endpoint_id")
    query = {"cid": endpoint} if endpoint else {"language": "en-US"}
    url = _make_url(options, "stt", "/speech/recognition/conversation/cognitiveservices/v1", query)
    return SpeechQuestion(url, _make_headers(key), asks_by_handshake=True)


def speak(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    """One word of a voice. Messages tell nothing before audio comes: a voice that there is not is told after them."""
    request_id = uuid.uuid4().hex
    voice = quoteattr(str(options.get("voice_id") or AZURE_VOICE_ID))
    prosody = [f"{name}={quoteattr(str(options[name]))}" for name in ("rate", "pitch", "volume") if options.get(name)]
    text = f"<prosody {' '.join(prosody)}>{WORD}</prosody>" if prosody else WORD
    context = {"synthesis": {"audio": {"outputFormat": _FORMAT, "metadataOptions": {}}, "language": {}}}
    endpoint = options.get("endpoint_id")
    config = json.dumps({"context": {"system": {"name": "Vocalized", "version": "1.0.0"}}})
    return SpeechQuestion(
        _make_url(options, "tts", "/cognitiveservices/websocket/v1", {"deploymentId": endpoint} if endpoint else {}),
        _make_headers(key),
        (
            _make_message("speech.config", "", config),
            _make_message("synthesis.context", request_id, json.dumps(context)),
            _make_message("ssml", request_id, _SSML.format(voice=voice, text=text)),
        ),
        needs_answer=True,
        waits_for_audio=True,
    )


def _make_url(options: Mapping[str, Any], role: Literal["stt", "tts"], path: str, query: Mapping[str, Any]) -> str:
    region = str(options.get("region") or AZURE_REGION)
    base = find_base_url(str(options.get("base_url") or ""), region, role)
    return _SOCKET_SCHEME.sub("http", base) + path + (f"?{urlencode(query)}" if query else "")


def _make_headers(key: str) -> dict[str, str]:
    return {"X-ConnectionId": uuid.uuid4().hex, **({"Ocp-Apim-Subscription-Key": key} if key else {})}


def _make_message(path: str, request_id: str, body: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    kind = "application/ssml+xml" if path == "ssml" else "application/json"
    request = f"X-RequestId:{request_id}\r\n" if request_id else ""
    return f"Path:{path}\r\n{request}X-Timestamp:{now}Z\r\nContent-Type:{kind}\r\n\r\n{body}"
