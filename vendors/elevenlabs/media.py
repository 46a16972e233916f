"""Media adapter for `elevenlabs`: recognizer Scribe and voices over WebSockets, with mu-law at 8 kHz.

Each utterance of a voice takes an open connection and returns it afterwards. Scribe's texts are committed on request.
"""

import asyncio
import uuid
from functools import partial
from typing import Final

import msgspec

from media.audio.mulaw import SILENCE
from media.providers.context_voice import ContextConnection, ContextTextToSpeech, LanguageConnections, VoiceProtocol
from media.providers.recognizer_dialect import ListenRules, RecognizerLine
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.g711 import BYTES_PER_MS
from shared.providers.errors import ProviderError
from shared.providers.speech import RecognizedText
from vendors.elevenlabs.facts import (
    ELEVENLABS_LANGUAGES,
    ELEVENLABS_TOLD,
    FACTS,
    ElevenLabsSpeechToTextOptions,
    ElevenLabsTextToSpeechOptions,
)
from vendors.elevenlabs.wire import (
    INACTIVITY_S,
    FlushedContexts,
    ScribeTranscript,
    SpeechOutput,
    base_language,
    make_chunk,
    make_closed,
    make_headers,
    make_listen_query,
    make_speak_url,
    make_tone,
    make_url,
    read_output,
    refine_refusal,
)
from vendors.elevenlabs.wire import LISTEN_PATH as LISTEN_PATH
from vendors.elevenlabs.wire import SPEAK_PATH as SPEAK_PATH

# The vendor closes a connection (1008) that opens more simultaneous contexts. A closed context counts until its audio
# has been sent.
MAX_CONTEXTS: Final = 5
MultiContextConnection = ContextConnection[SpeechOutput]


def _find_ended(output: SpeechOutput) -> str:
    return (output.context_id or "") if output.is_final else ""


PROTOCOL: Final = VoiceProtocol(
    read_output, _find_ended, refine_refusal=refine_refusal, make_closed=make_closed, max_contexts=MAX_CONTEXTS
)


# 60 ms of audio per message. A multiple of 3 bytes avoids base64 padding. The buffering delays the audio by 20 ms on
# average.
CHUNK_BYTES: Final = 480
# The vendor closes a session after about 15 s without audio. pipecat's service sends silence after 5 to 10 s.
KEEP_ALIVE_S: Final = 4.0
# 20 ms of silence. They shift the times of all later words by the same length.
_KEEP_ALIVE: Final = make_chunk(SILENCE * (20 * BYTES_PER_MS))


def make_rules() -> ListenRules:
    """Return the session's rules: audio is sent in JSON, and silence keeps the session alive."""
    return ListenRules(
        make_closed=make_closed,
        refine_refusal=refine_refusal,
        chunk_bytes=CHUNK_BYTES,
        encode=make_chunk,
        keep_alive=_KEEP_ALIVE,
        keep_alive_s=KEEP_ALIVE_S,
    )


class ScribeDialect:
    """The protocol of a Scribe session.

    Args:
        times_s: How long the word times of a text are awaited.
    """

    def __init__(self, transcript: ScribeTranscript, times_s: float) -> None:
        self._transcript = transcript
        self._times_s = times_s

    @property
    def is_ready(self) -> bool:
        return self._transcript.has_started

    def opened(self, line: RecognizerLine) -> None:
        """Do nothing, because the URL contains all settings."""

    def pushed(self, line: RecognizerLine) -> None:
        """Commit the audio before it becomes too long."""
        if self._transcript.needs_commit(line.position_ms):
            self._commit(line)

    def started(self, line: RecognizerLine) -> None:
        """Do nothing, because the recognizer detects speech by itself."""

    def finalize(self, line: RecognizerLine, token: int) -> None:
        if self._transcript.finalize(token, line.position_ms):
            self._commit(line)
        elif not self._transcript.is_plain:
            asyncio.get_running_loop().call_soon(partial(self.expire, line))

    def next_turn(self, line: RecognizerLine) -> None:
        self._transcript.next_turn()

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Report the turn's text. Raises ProviderError."""
        event = self._transcript.read(message)
        self._await_times(line)
        _report(line, event)

    def expire(self, line: RecognizerLine) -> None:
        """Answer with the text known so far."""
        line.cancel_wait()
        _report(line, self._transcript.settle())

    def _commit(self, line: RecognizerLine) -> None:
        self._transcript.commit(line.position_ms)
        line.send(make_chunk(line.take_unsent(), commit=True))

    def _await_times(self, line: RecognizerLine) -> None:
        """Wait for the word times of a received text, unless a wait is already running."""
        if not self._transcript.is_plain:
            line.cancel_wait()
        elif not line.is_waiting:
            line.wait(self._times_s)


def _report(line: RecognizerLine, event: RecognizedText | None) -> None:
    if event is not None:
        line.report(event)


# The vendor closes a connection after INACTIVITY_S without messages.
_MAX_AGE_S: Final = INACTIVITY_S - 10.0


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: ElevenLabsSpeechToTextOptions = setup.options

    def make_target(language: str) -> SocketTarget:
        url = make_url(options.base_url, LISTEN_PATH, make_listen_query(options, language))
        return setup.make_target(url, make_headers(options.api_key))

    def make_dialect(language: str) -> ScribeDialect:
        return ScribeDialect(ScribeTranscript(setup.name, times_words=options.word_times), options.times_s)

    return SocketSpeechToText(setup.name, make_rules(), make_dialect, make_target)


def _make_tts(setup: ProviderSetup) -> ContextTextToSpeech[SpeechOutput]:
    """Make a voice. All calls with the same voice and account share their connections."""
    options: ElevenLabsTextToSpeechOptions = setup.options
    is_told = options.model in ELEVENLABS_TOLD

    def find_language(language: str) -> str:
        found = base_language(language) if is_told else ""
        if found and found not in ELEVENLABS_LANGUAGES:
            raise ProviderError(
                setup.name, f"{options.model} does not support {found!r}", retryable=False, cause="refused"
            )
        return found

    def make_connections() -> LanguageConnections[SpeechOutput]:
        return LanguageConnections(lambda language: _connect(setup, language), "en" if is_told else "")

    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(key, make_connections, LanguageConnections.close)

    def begin(language: str) -> tuple[WarmConnections[MultiContextConnection], FlushedContexts]:
        contexts = FlushedContexts(setup.name, make_tone(options), lambda: str(uuid.uuid4()))
        return connections.of(find_language(language)), contexts

    return ContextTextToSpeech(setup.name, begin, connections.prepare)


def _connect(setup: ProviderSetup, language: str) -> WarmConnections[MultiContextConnection]:
    """Return connections whose URL contains this language; empty for no language."""
    options: ElevenLabsTextToSpeechOptions = setup.options
    target = setup.make_target(make_speak_url(options, language), make_headers(options.api_key))
    return WarmConnections(
        lambda: MultiContextConnection.open(target, PROTOCOL), max_idle=options.max_idle, max_age_s=_MAX_AGE_S
    )


def _model(options: ElevenLabsSpeechToTextOptions | ElevenLabsTextToSpeechOptions) -> str:
    return options.model


_STT_REQUEST: Final = frozenset({"language", "keyterm", "no_verbatim", "word_times"})
_TTS_REQUEST: Final = frozenset({"voice_id", "stability", "similarity_boost", "style", "use_speaker_boost", "speed"})

# Final texts: pipecat's table of STT services (1.14) lists a p99 of 0.41 s. Voices: ElevenLabs publishes 0.075 s for
# Flash, without the network and without a p99. The upper limit of all deadlines is used until measured values exist.
_FINAL_P99_S: Final = 0.41
_VOICE_WAIT: Final = UsualWait(0.15, 0.9)


def _stt_wait(options: ElevenLabsSpeechToTextOptions) -> UsualWait:
    """Return the usual wait. If the word times are missing, the answer comes times_s later."""
    return UsualWait(0.25, _FINAL_P99_S + (options.times_s if options.word_times else 0.0))


def _tts_wait(options: ElevenLabsTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


VENDOR: Final = Vendor(
    "elevenlabs",
    stt=Adapter(
        _make_stt,
        ElevenLabsSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        ElevenLabsTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
        ends_with_blank=True,
    ),
)
