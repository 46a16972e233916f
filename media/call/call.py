"""One phone call, from its first frame to its last event, and the commands from outside."""

import asyncio
from collections.abc import Callable

from media.call.call_language import CallLanguage
from media.call.call_recording import CallRecording
from media.call.clock import CallClock
from media.call.components import CallComponents
from media.call.inbound import InboundPath
from media.call.output_mixer import OutputMixer
from media.call.person_words import PersonTranscript
from media.call.recording_consent import RecordingConsent
from media.call.responder import CallLine
from media.call.sent_keys import SentKeys
from media.call.snapshot import CallSnapshot, to_heard_messages
from media.call.taps import Tap
from media.call.termination import CallTermination
from media.call.usage import UsageTotals
from shared import events
from shared.bus.live import Floor


class Call:
    """Carries one call. All methods run on the event loop.

    Attributes:
        on_audio: Accepts caller audio of any length in the stream's encoding, and its timestamp (`InboundPath.push`).
            It never waits.
        termination: Whether and why our side is ending the call.
    """

    __slots__ = (
        "__weakref__", "_clock", "_consent", "_emitter", "_inbound", "_is_over", "_mixer", "_pausing", "_person",
        "_person_ear", "_recording", "_responder", "_sent_before", "_sent_keys", "_speaker", "_usage", "on_audio",
        "termination",
    )  # fmt: skip

    def __init__(self, components: CallComponents) -> None:
        plan = components.plan
        self._emitter = components.emitter
        self._clock = clock = CallClock(components.clock)
        self._usage = UsageTotals(plan.resume.usage if plan.resume else None)
        self._emitter.listen(self._usage.add)
        self._mixer = OutputMixer(components.stream)
        self.termination = CallTermination(components.stream, clock.now)
        self._recording = _recording(components, self._mixer)
        self._consent = RecordingConsent(plan, self._emitter.emit)
        self._sent_keys = _sent_keys(components, clock, self._consent)
        self._pausing: set[str] = set()  # the sessions of supervisors who have paused the agent
        self._speaker = ""  # the session that has the line
        self._person_ear = components.person_ear
        self._person: PersonTranscript | None = None  # set when a person takes the line for the first time
        self._sent_before, self._is_over = (
            0.0,
            False,
        )  # sent_before: the audio of the person's voice before the line was taken
        self._responder = components.make_responder(
            CallLine(
                plan,
                clock,
                self._emitter,
                self._mixer,
                self.termination,
                self._usage,
                self._consent,
                self._sent_keys,
                components.recorder,
                components.on_turn_taken,
            )
        )
        self._inbound = InboundPath(components, clock, self._mixer, self._sent_keys, self._responder)
        if self._recording is not None:
            self.add_tap(self._recording.tap)
        self.on_audio: Callable[[bytes, int], None] = self._inbound.push

    # --- life ---

    def begin(self) -> None:
        """Begin the conversation on the open line: say the greeting, or wait for the caller."""
        self._responder.begin()

    def on_mark(self, name: str) -> None:
        """Process a mark that the carrier returned."""
        if not self._sent_keys.on_mark(name, self._clock.now()):
            self._mixer.agent.on_mark(name, self._clock.now())
            self._responder.on_played()

    def on_digit(self, digit: str) -> None:
        """Process a key that the caller pressed."""
        self._responder.on_digit(digit)

    def on_text(self, text: str) -> None:
        """Process a turn that the caller typed."""
        self._responder.on_text(text)

    def tick(self) -> None:
        """Check everything that depends on time. Called about four times a second."""
        now = self._clock.now()
        self._inbound.tick(now)
        if self._mixer.tick(now):
            self._responder.line_is_free()
        self._responder.tick(now)
        if self._recording is not None:
            self._recording.tick(now)
        if self._person is not None:
            self._person.tick(now)

    def end_stream(self) -> None:
        """Settle what the last checkpoint must contain, because the stream has ended. `finish` follows."""
        self._responder.end_stream()

    async def finish(self, reason: events.EndReason, detail: str = "") -> None:
        """Complete transcript and recording after the stream has ended, emit `CallEnded`, and free everything.

        Args:
            reason: Why the stream ended. If our side ended the call, its own reason replaces this value.
            detail: Belongs to `reason`.
        """
        now, self._is_over = self._clock.now(), True
        last_words = None if self._person is None else asyncio.create_task(self._person.close())
        try:
            await self._responder.close()
            if last_words is not None:
                await last_words
            if self._recording is not None:
                await self._recording.close(now)
        finally:  # even after an internal error, the call's record must have its end
            self._inbound.close()
            self._consent.close()
            self._report_end(now, reason, detail)

    def _report_end(self, now: float, reason: events.EndReason, detail: str) -> None:
        reason = self.termination.reason or reason
        failed = reason in ("carrier_error", "provider_error", "media_lost")
        status: events.CallStatus = "failed" if failed else "completed"
        detail = self.termination.detail or detail
        transfer_to = self.termination.transfer_number if reason == "transferred" else ""
        usage = self._total_usage(now)
        self._emitter.emit(events.CallEnded(status, reason, detail, round(now), usage, transfer_to))
        self._emitter.close()

    # --- from outside ---

    @property
    def elapsed_ms(self) -> float:
        """The time on the call's clock."""
        return self._clock.now()

    @property
    def floor(self) -> Floor:
        """Who has the floor."""
        return "person" if self._mixer.has_person else self._responder.holder

    @property
    def paused_ms(self) -> float:
        """How long no caller audio has arrived."""
        return self._inbound.paused_ms(self._clock.now())

    @property
    def language(self) -> CallLanguage:
        """The language of the call."""
        return self._responder.language

    def record_event(self, event: events.Event) -> None:
        """Emit an event of this call that was noticed outside of it."""
        self._emitter.emit(event)

    def snapshot(self) -> CallSnapshot:
        """Return the state from which another node can resume the call."""
        now = self._clock.now()
        state = self._responder.state()
        return CallSnapshot(
            to_heard_messages(state.messages),
            state.reported_turns,
            self._total_usage(now),
            round(now),
            state.announced,
            self._consent.is_refused,
            "" if self.language.is_main else self.language.tag,
        )

    def say(self, text: str) -> None:
        """Let the agent say this as soon as nobody speaks."""
        self._responder.say(text)

    def whisper(self, session_id: str, text: str) -> None:
        """Give the agent a supervisor's note, which the caller does not hear."""
        self._emitter.emit(events.SupervisionWhispered(round(self._clock.now()), session_id, text))
        self._responder.note(f"Supervisor, whom the caller does not hear: {text}")

    def pause_agent(self, session_id: str) -> None:
        """Silence the agent for a supervisor until `resume_agent`."""
        self._pausing.add(session_id)
        self._emitter.emit(events.AgentPaused(round(self._clock.now()), session_id))
        self._responder.pause()

    def resume_agent(self, session_id: str) -> None:
        """Let the agent continue, unless another supervisor has paused it or speaks in its place."""
        self._pausing.discard(session_id)
        self._emitter.emit(events.AgentResumed(round(self._clock.now()), session_id))
        self._resume()

    def take_line(self, session_id: str) -> bool:
        """Let a supervisor speak to the caller (`speak`) in place of the paused agent, until `give_line_back`.

        Returns False if another supervisor has the line, or the call is over.
        """
        if not self._speaker and not self._is_over:
            self._speaker, self._sent_before = session_id, self._mixer.person.sent_ms
            self._emitter.emit(events.LineTaken(round(self._clock.now()), session_id))
            self._responder.pause()
            self.begin_speaking()
            if self._person is None:
                self._person = PersonTranscript(self._person_ear, self._mixer.person, self._report_person, self._resume)
            self._person.begin(session_id, self.language.tag, self._clock.now())
        return self._speaker == session_id

    def give_line_back(self, session_id: str) -> int:
        """Let the agent continue once the supervisor's last word was heard and is known.

        Returns:
            How many ms of the supervisor's voice the caller was sent; 0 if this session does not have the line.
        """
        if self._speaker != session_id:
            return 0
        self.end_speaking()
        spoken_ms = round(self._mixer.person.sent_ms - self._sent_before)
        self._speaker = ""
        self._emitter.emit(events.LineReturned(round(self._clock.now()), session_id, spoken_ms))
        if self._person is not None:
            self._person.end()
        return spoken_ms

    @property
    def has_person(self) -> bool:
        """Whether a person has the line, or is still audible."""
        return self._mixer.has_person

    def _report_person(self, said: events.PersonSaid) -> None:
        self._responder.person_said(said.text, said.start_ms)
        self._emitter.emit(said)

    def _resume(self) -> None:
        is_awaited = self._person is not None and self._person.is_awaited
        if not (self._pausing or self._speaker or is_awaited or self._is_over):
            self._responder.resume()

    def end(self, reason: events.EndReason, *, polite: bool) -> None:
        """End the call: after a goodbye if `polite`, otherwise at once.

        A call to an answering machine ends after the agent's message for it, if there is one. It continues if the
        machine only asks who is calling.
        """
        if reason == "voicemail":
            self._responder.machine_answered()
        elif polite:
            self._responder.end(reason)
        else:
            self.termination.begin(reason, "", after_speech=False)

    def transfer(self, number: str, announcement: str) -> None:
        """Transfer the caller to a number (E.164), after the announcement if there is one."""
        self.termination.transfer(number, after_speech=bool(announcement))
        if announcement:
            self._responder.say_last(announcement)

    def add_tap(self, tap: Tap) -> None:
        """Add a reader of the call's audio. The reader is notified first whether the audio may be kept."""
        if tap.consent is not None:
            self._consent.follow(tap.consent, self._clock.now())
        self._inbound.add(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Remove a reader. Unknown readers are ignored."""
        self._inbound.remove(tap)
        if tap.consent is not None:
            self._consent.unfollow(tap.consent)

    def settle_heard(self) -> None:
        """Give the taps what the caller has heard of the agent so far, without waiting for the next mark."""
        self._mixer.settle(self._clock.now())

    def begin_speaking(self) -> None:
        """Silence the agent until `end_speaking`, because a person speaks to the caller in the agent's place."""
        self._mixer.begin_person(self._clock.now())

    def speak(self, ulaw: bytes) -> None:
        """Send the person's next audio (mu-law, 8 kHz, any length) as it is spoken."""
        self._mixer.push_person(ulaw, self._clock.now())

    def end_speaking(self) -> None:
        """Let the agent continue once the person's last word was heard."""
        self._mixer.end_person(self._clock.now())

    def _total_usage(self, now: float) -> events.CallUsage:
        return self._usage.total(round(now))


def _recording(components: CallComponents, mixer: OutputMixer) -> CallRecording | None:
    """Return the recording of the call, or None if the call is not recorded."""
    if components.recorder is None:
        return None
    return CallRecording(
        components.recorder,
        components.archive,
        components.emitter,
        mixer,
        leg=components.plan.leg,
        now=components.clock(),
    )


def _sent_keys(components: CallComponents, clock: CallClock, consent: RecordingConsent) -> SentKeys:
    """Return the keys that the agent presses. While they sound, nothing is recorded."""

    def on_sounding(is_sounding: bool) -> None:
        consent.set_paused("sent keys", is_sounding, clock.now())

    return SentKeys(components.stream, clock.now, components.emitter.emit, on_sounding)
