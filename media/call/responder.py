"""The port between a call and the responder that answers its caller: a cascade, or a speech-to-speech model.

A call gives its responder caller audio, keys and the time. The responder speaks through the output mixer. It decides
whether it takes turns, and how it finds their ends: the cascade has a floor (`Conversation`), a realtime model may
leave turns to its vendor, and a duplex model has none.


How to write a responder (`tests/calls/test_realtime_responders.py` has one of each shape, with whole calls):

1. `taps` names what reads the caller's audio, as mu-law or as PCM, and what reads the audio that the caller has heard
   of the agent. A tap may not wait: put what is to be sent to a vendor into a queue.
2. `begin` opens the session with the vendor, in a task of its own. A resumed call (`plan.resume`) brings the messages
   of before: give them to the model (`to_model_messages`).
3. The caller speaks: call `CallerTurns.began`, then `take` with the words when they are known, and `commit` when the
   turn can no longer change. That fills the transcript, emits `CallerSaid` and schedules the checkpoint
   (`on_turn_taken`). `clock.at_audio` turns a place in the caller's audio into a time on the call's clock.
4. The agent speaks.
   - In responses: `mixer.agent.begin` an `Utterance`, `receive` its audio, `plan` its text, `complete` it.
     `mixer.agent.finished` returns whether it was heard to its end: check it in `on_played` and `tick`. Then
     `mixer.agent.describe_words` makes the event `AgentSaid`; call `termination.agent_finished` after it.
   - Without turns: `mixer.push_live` each piece. It returns when the piece sounds, or None if the caller will not hear
     it. A tap on the agent's audio receives what was heard.
5. The caller interrupts: `mixer.agent.drop` (or `mixer.live.cut`), then `mixer.agent.heard_ms` shows the vendor where
   its item ends for the caller. Emit `AgentSaid(interrupted=True)`, then `TurnInterrupted`.
6. A person has taken the line while `mixer.has_person`: utterances wait, and `push_live` drops. `line_is_free` follows.
7. `usage` gets what the model used; `UsageMeter` makes the events that are billed. Speech-to-speech models have no unit
   of their own yet (docs/decisions/0003).
8. The call ends through `termination.begin`. `state` is read for each checkpoint, so it must be cheap and hold only
   what was heard. `close` reports what is open and frees everything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from media.call.call_language import CallLanguage
from media.call.clock import CallClock
from media.call.event_emitter import EventEmitter
from media.call.output_mixer import OutputMixer
from media.call.recording import RecordingWriter
from media.call.recording_consent import RecordingConsent
from media.call.sent_keys import SentKeys
from media.call.taps import Tap
from media.call.termination import CallTermination
from media.call.usage import UsageTotals
from media.providers.ports import Message
from shared.events import EndReason
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class CallLine:
    """The parts of a call that its responder uses.

    Attributes:
        mixer: The line to the caller. `mixer.agent` plays utterances, `mixer.live` a voice without turns.
        termination: Ends the call.
        usage: The responder adds what it uses.
        consent: Is notified of announcements and refusals.
        sent_keys: Presses keys.
        recorder: None if the call is not recorded.
        on_turn_taken: Called when a turn of the caller has ended and will be answered. A checkpoint is written then.
    """

    plan: CallPlan
    clock: CallClock
    emitter: EventEmitter
    mixer: OutputMixer
    termination: CallTermination
    usage: UsageTotals
    consent: RecordingConsent
    sent_keys: SentKeys
    recorder: RecordingWriter | None = None
    on_turn_taken: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class ResponderState:
    """The state that another node needs to resume the call.

    Attributes:
        messages: What was said and heard, without the current utterance.
        reported_turns: The number of the caller's turns that were reported in events.
        announced: The announcements that were heard.
    """

    messages: Sequence[Message] = ()
    reported_turns: int = 0
    announced: tuple[str, ...] = ()


class Responder(Protocol):
    """Answers the caller of one call. All methods run on the event loop, and only `close` waits."""

    @property
    def taps(self) -> Sequence[Tap]:
        """The responder's readers of audio. They get each frame in this order."""

    @property
    def waits_for_silence(self) -> bool:
        """Whether the responder needs silence while the carrier sends no audio, so that the caller's turn can end."""

    @property
    def holder(self) -> Literal["caller", "agent", "none"]:
        """Who has the floor. The agent also has it while it prepares its words."""

    @property
    def language(self) -> CallLanguage:
        """The language of the call."""

    def begin(self) -> None:
        """Begin the conversation on the open line: say the greeting, or wait for the caller."""

    def frame_heard(self, audio_ms: int) -> None:
        """Handle a frame of 20 ms that all taps have received and that ends at `audio_ms` of the audio clock.

        This method is on the frame path.
        """

    def on_played(self) -> None:
        """Handle a returned mark of the agent. `mixer.agent` shows what was heard."""

    def on_digit(self, digit: str) -> None:
        """Process a key that the caller pressed."""

    def on_text(self, text: str) -> None:
        """Process a turn that the caller typed."""

    def tick(self, now: float) -> None:
        """Check what depends on time. Called about four times a second."""

    def line_is_free(self) -> None:
        """Continue after a person who spoke in the agent's place has given the line back."""

    def say(self, text: str) -> None:
        """Say this as soon as nobody speaks."""

    def note(self, text: str) -> None:
        """Add a supervisor's note to the context of the next answers. The caller does not hear it."""

    def person_said(self, text: str, began: float) -> None:
        """Add what a person said to the caller in the agent's place to the conversation, where it was said.

        Args:
            text: Empty if the words are not known.
            began: When the words began, in ms on the call's clock.
        """

    def pause(self) -> None:
        """Say nothing until `resume`, but still process what the caller says. Repeated calls change nothing."""

    def resume(self) -> None:
        """Continue after a pause, and answer what the caller said meanwhile."""

    def say_last(self, text: str) -> None:
        """Say this at once, as the last words before the line is closed."""

    def machine_answered(self) -> None:
        """Leave a message for an answering machine, or end the call."""

    def end(self, reason: EndReason) -> None:
        """End the call after a goodbye."""

    def end_stream(self) -> None:
        """Report the caller's pending turn before the last `state` is read, because the stream has ended. `close`
        follows.
        """

    def state(self) -> ResponderState:
        """Return what was said so far."""

    async def close(self) -> None:
        """Report what is pending after the call has ended, and free everything."""


# Makes the responder of a call.
MakeResponder = Callable[[CallLine], Responder]
