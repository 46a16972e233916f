"""A voice detector and a recognizer that hear what a test says, for calls in virtual time."""

import asyncio

from media.audio.framer import FRAME_MS
from media.providers.ports import RecognizedText, SpeechToTextSession, SpeechToTextSink

SILENCE = b"\xff" * 160


class ScriptedVoiceTrack:
    """A voice track whose speech is set by the test. voice: the caller speaks in the next frame. is_suspicious: a sound
    may be speech."""

    def __init__(self) -> None:
        self.speaking = False
        self.last_voice_ms = 0
        self.onset_ms = 0
        self.voiced_ms = 0
        self._ms = 0
        self.voice = self.is_suspicious = False
        self.speech = self

    def push(self, pcm: bytes) -> None:
        self._ms += FRAME_MS
        self.look_at(pcm)
        if self.voice and not self.speaking:
            self.onset_ms = self._ms - FRAME_MS
        if self.voice:
            self.last_voice_ms = self._ms
        self.speaking = self.voice

    def may_begin(self) -> bool:
        return False

    def others_may_talk(self) -> bool:
        return False

    def may_be_speech(self) -> bool:
        return self.is_suspicious

    def look_at(self, pcm: bytes) -> None:
        """Sees the frame before it is taken."""


class ScriptedRecognizer:
    """A SpeechToText whose text is set by the test; the final text comes `answer_s` after its request. language: that
    it tells of final texts. opened_in: the language that its session was opened in. followed: those that it was told
    of since."""

    name = "scripted"

    def __init__(self) -> None:
        self.text = self.language = self.opened_in = ""
        self._asked = 0  # characters of the text when it was last asked for
        self.followed: list[str] = []
        self.answer_s = 0.1
        self.sink: SpeechToTextSink | None = None
        self.pushed = 0
        self.voiced: list[bytes] = []  # the frames that are not silence

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        self.sink, self.opened_in = sink, language
        return self

    def set_language(self, language: str) -> None:
        self.followed.append(language)

    def push(self, ulaw: bytes) -> None:
        self.pushed += len(ulaw)
        if ulaw != SILENCE:
            self.voiced.append(ulaw)

    def started(self) -> None:
        pass

    def finalize(self, token: int) -> None:
        self._asked = len(self.text)
        asyncio.get_running_loop().call_later(self.answer_s, self._answer, token)

    def next_turn(self) -> None:
        """As of a recognizer, what was said after the last request is part of the next turn."""
        self.text, self._asked = self.text[self._asked :].strip(), 0

    async def close(self) -> None:
        self.sink = None

    def partial(self) -> None:
        if self.sink:
            self.sink(RecognizedText(self.text, final=False))

    def _answer(self, token: int) -> None:
        if self.sink:
            self.sink(RecognizedText(self.text, final=True, token=token, language=self.language))


class LevelVoiceTrack(ScriptedVoiceTrack):
    """Everything but digital silence is speech."""

    def may_be_speech(self) -> bool:
        return self.is_suspicious

    def look_at(self, pcm: bytes) -> None:
        self.voice = any(pcm)
