"""Reports the words of a caller who hung up while speaking."""

from media.call.caller_turns import CallerTurns
from media.call.clock import CallClock
from media.call.recognizer import LAST_WORDS_S, CallRecognizer
from media.turn.floor import Floor
from media.turn.floor_state import CALLER_IS_HEARD
from media.turn.vad import VoiceTrack


async def report_last_words(
    turns: CallerTurns, floor: Floor, recognizer: CallRecognizer, clock: CallClock, track: VoiceTrack
) -> None:
    """Report the pending turn and what the caller has said since. Waits up to `LAST_WORDS_S` for the text."""
    turns.settle()
    if floor.state in CALLER_IS_HEARD:
        text = await recognizer.last_words(LAST_WORDS_S)
        if text.strip():
            ended = clock.at_audio(track.last_voice_ms)
            turns.report_last_words(text, clock.now(), ended, clock.at_audio, recognizer.timed_words)
