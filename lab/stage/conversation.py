"""What is said in these calls: phrases of a human recording, and the agent's replies, in which no word comes twice and
none of a filler's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from media.providers.ports import CALL_BEGAN_PROMPT, CONTINUE_PROMPT
from media.tools.fillers import late_fillers
from simulator.carrier.audio_clip import Clip, read_clip
from simulator.carrier.audio_level import Span
from simulator.carrier.prepared_turn import PreparedTurn, prepare_turns
from simulator.carrier.script import Play, Script, Turn, When
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.known_speech import Ear, KnownSpeech, spread_words

SAMPLE: Final = Path("config/samples/jfk.flac")
# Start and end of three phrases of the recording, in ms, by its level (within 20 dB of the loudest).
PHRASES: Final = (
    ("and so my fellow americans", 340, 2_120),
    ("what your country can do for you", 5_420, 7_520),
    ("ask what you can do for your country", 8_200, 10_180),
)
# The second is the one that is disturbed: two clauses, of 2.2 and 2.6 s.
REPLIES: Final = (
    "Good morning, this is our harbor clinic.",
    "We open at nine tomorrow, and parking behind the building costs nothing before noon.",
    "Thanks everybody, goodbye now.",
)
# What the agent says when an answer is late; no part of the answer.
FILLERS: Final = tuple(text for texts in late_fillers("en") for text in texts)
_MARGIN_MS: Final = 60
_BYTES_PER_MS: Final = 8


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    clip: Clip


@dataclass(frozen=True)
class Conversation:
    """The caller's phrases. The reply to turn n (from 1) is that of phrase n, and so on from the first again."""

    phrases: tuple[_Phrase, ...]

    @cached_property
    def speech(self) -> KnownSpeech:
        """What the simulated recognizers know."""
        end_ms = {phrase.text: phrase.clip.duration_ms - _MARGIN_MS for phrase in self.phrases}
        return KnownSpeech(
            [spread_words(one.clip.ulaw, one.text, _MARGIN_MS, end_ms[one.text]) for one in self.phrases]
        )

    def make_ear(self) -> Ear:
        """A recognizer's ear for one session."""
        return Ear(self.speech)

    def text(self, turn: int) -> str:
        """What the caller says in a turn, counted from 1."""
        return self.phrases[(turn - 1) % len(self.phrases)].text

    async def turns(self, whens: Sequence[When]) -> tuple[PreparedTurn, ...]:
        """As many turns as there are conditions of their beginning."""
        clips = [self.phrases[number % len(self.phrases)].clip for number in range(len(whens))]
        return await prepare_turns(
            Script(tuple(Turn(Play(clip), when) for clip, when in zip(clips, whens, strict=True)))
        )


def read_conversation(root: Path) -> Conversation:
    """root: the checkout. Raises ClipError."""
    whole = read_clip(root / SAMPLE).ulaw
    phrases = []
    for text, start_ms, end_ms in PHRASES:
        ulaw = whole[(start_ms - _MARGIN_MS) * _BYTES_PER_MS : (end_ms + _MARGIN_MS) * _BYTES_PER_MS]
        margin = _MARGIN_MS * _BYTES_PER_MS
        phrases.append(_Phrase(text, Clip(ulaw, Span(margin, len(ulaw) - margin))))
    return Conversation(tuple(phrases))


def expected_reply(turn: int) -> str:
    """What the agent says in the caller's turn, counted from 1."""
    return REPLIES[(turn - 1) % len(REPLIES)]


def is_filler(text: str) -> bool:
    """Whether the agent's words, as the record has them, are a filler or the beginning of one."""
    return any(filler.startswith(text) for filler in FILLERS)


def heard_turns(body: Mapping[str, Any]) -> list[str]:
    """The caller's turns in a request to a language model, as the recognizer delivered them."""
    users = [str(message["content"]) for message in body["messages"] if message["role"] == "user"]
    return [text for text in users if text not in (CALL_BEGAN_PROMPT, CONTINUE_PROMPT)]


def reply_to(body: Mapping[str, Any]) -> ChatReply:
    """What the simulated models answer: the reply of the caller's turn, or the rest of it when they are to continue."""
    whole = expected_reply(max(1, len(heard_turns(body))))
    messages = body["messages"]
    if messages[-1]["content"] == CONTINUE_PROMPT:
        return ChatReply(whole.removeprefix(str(messages[-2]["content"])).lstrip())
    return ChatReply(whole)
