"""The state of an utterance's contexts, which vendors of voices share whatever their messages; pure.

A context is a stretch of speech with one prosody: it is opened by the first words, takes more, and is ended. One is
open at a time.
"""

from collections.abc import Callable

from media.audio.mulaw import BYTES_PER_MS


class SpeechContext:
    """The latest context of an utterance. make_id: a new id at each call.

    is_open: it takes more text. is_done: the vendor has sent all of it. has_audio: audio came since the last text was
    sent. heard: any message came since then.
    """

    def __init__(self, make_id: Callable[[], str]) -> None:
        self.is_open = False
        self.is_done = True
        self.has_audio = False
        self.heard = True
        self._make_id = make_id
        self._id = ""
        self._blanks = ""
        self._began_ms = 0.0  # audio of earlier contexts
        self._audio_ms = 0.0

    @property
    def unfinished_id(self) -> str:
        """The context that counts as open at the vendor; empty for none."""
        return "" if self.is_done else self._id

    def _take_text(self, text: str) -> str:
        """What is to be sent now; empty for blanks, which are sent with the next words."""
        text = self._blanks + text
        self._blanks = "" if text.strip() else text
        if self._blanks:
            return ""
        self.has_audio = self.heard = False
        return text

    def _begin(self) -> bool:
        """Opens a context, and says whether none was open. Not while a finished one is not done."""
        if self.is_open:
            return False
        self._id, self.is_open, self.is_done = self._make_id(), True, False
        self._began_ms = self._audio_ms
        return True

    def _close(self) -> bool:
        """Takes no more text; says whether a context was open."""
        was_open, self.is_open = self.is_open, False
        return was_open

    def _end(self) -> None:
        """Nothing more comes of it."""
        self.is_open, self.is_done = False, True

    def _add_audio(self, ulaw: bytes) -> None:
        self._audio_ms += len(ulaw) / BYTES_PER_MS
        self.has_audio = self.has_audio or bool(ulaw)
