"""One phone call: frames in, decisions of the floor obeyed, and an orderly end."""

import asyncio

from media.audio import mulaw
from media.audio.framer import Framer
from media.call.agent import Agent, TurnClock
from media.call.digits import Digits
from media.call.ear import Ear
from media.call.ending import Ending
from media.call.parts import Parts
from media.call.playback import Playback
from media.call.recording import Recorder
from media.call.reply import Speaker
from media.call.tools import Tool, Tools, collect_digits, end_call
from media.call.transcript import Handle, Transcript
from media.call.usage import Counter
from media.call.utterance import Utterance
from media.call.watchdog import Alarm, Watchdog
from media.providers.ports import HearEvent, HearFailed, ProviderError
from media.providers.ports import Transcript as Recognised
from media.turn.endpoint import Rules, asks, expectation
from media.turn.floor import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    Floor,
    Hold,
    Interrupted,
    NothingSaid,
    Resume,
    State,
)
from shared import events

FRAME_MS = 20
NUDGE = "Are you still there?"
NOT_UNDERSTOOD = "Sorry, I didn't catch that."
APOLOGY = "I'm sorry, I'm having some trouble. Could you say that again?"
# How long the last words of a caller who hung up may take to be recognised.
LAST_WORDS_S = 1.5
# A recording is written in stretches of this length.
FLUSH_MS = 1_000.0


class Call:
    """Carries one call. All methods run on the event loop; `on_audio` is the frame path and never waits."""

    def __init__(self, parts: Parts) -> None:
        plan = parts.plan
        self._parts = parts
        self._clock = parts.clock
        self._emit = parts.journal.emit
        self._framer = Framer()
        self._audio_ms = 0
        self._floor = Floor(
            Rules(
                silence_ms=plan.turn.silence_ms,
                adaptive=plan.turn.adaptive,
                barge_in=plan.turn.barge_in,
                min_words=plan.turn.min_words,
            ),
            parts.clock,
        )
        self._digits = Digits()
        self._watchdog = Watchdog(plan.limits)
        self._usage = Counter()
        self._transcript = Transcript()
        self._playback = Playback(parts.line, keep_heard=parts.recorder is not None)
        self._agent = Agent(self._speaker(), self)
        self._ear = Ear(parts.hear, plan.agent.language, self._on_heard)
        self._ending = Ending(parts.line, self._clock)
        self._turn = 0
        self._ear_turn = 0
        self._taken: Handle | None = None
        self._said: events.CallerSaid | None = None
        self._turn_started: float | None = None
        self._held_at = self._overlap_at = 0.0
        self._failures = 0
        self._flushed = 0.0
        self._last_words: asyncio.Future[str] | None = None

    # --- from the carrier ---

    def begin(self) -> None:
        """The line is open: the greeting is said, or the agent waits for the caller."""
        if self._parts.plan.agent.greeting:
            self._say(self._parts.plan.agent.greeting)

    def on_audio(self, payload: bytes) -> None:
        """Caller audio in the stream's encoding, any length."""
        for frame in self._framer.push(self._parts.transcoder.to_ulaw(payload)):
            self._on_frame(frame)

    def on_mark(self, name: str) -> None:
        """The carrier returned a mark."""
        self._playback.marked(name, self._clock())
        self._agent.check()

    def on_digit(self, digit: str) -> None:
        """A key was pressed."""
        now, asked_for = self._clock(), self._digits.collecting
        self._emit(events.DigitPressed(round(now), "" if asked_for else digit))
        self._watchdog.caller_spoke(now)
        self._digits.press(digit, now)
        if not asked_for:
            self._obey(self._floor.dtmf(self._audio_ms, digit))

    def tick(self) -> None:
        """A few times a second: limits, silence, keypad time-outs, recording."""
        now = self._clock()
        self._note_activity(now)
        self._agent.check()
        keys = self._digits.tick(now, self._playback.silent(now))
        if keys:
            self._answer(f"(pressed on the keypad: {keys})", now, now, now)
        alarm = self._watchdog.tick(now)
        if alarm:
            self._on_alarm(alarm)
        self._ending.tick(now, not self._playback.silent(now))
        if self._parts.recorder and now - self._flushed >= FLUSH_MS:
            self._flushed = now
            self._parts.recorder.flush(self._playback.take_heard(now), now)

    async def finish(self, reason: events.EndReason, detail: str = "") -> None:
        """The line is closed: whatever was said is kept, everything is given back, the record is closed."""
        now = self._clock()
        await self._agent.close()
        await self._take_last_words()
        await self._ear.close()
        if self._parts.recorder:
            await self._close_recording(self._parts.recorder, now)
        self._usage.stt_ms = self._audio_ms
        reason = self._ending.reason or reason
        status: events.Status = "failed" if reason in ("carrier_error", "provider_error", "media_lost") else "completed"
        detail = self._ending.detail or detail
        self._emit(events.CallEnded(status, reason, detail, round(now), self._usage.total(round(now))))
        self._parts.journal.close()

    # --- from the agent ---

    def agent_audible(self, utterance: Utterance) -> None:
        """The answer began to sound: the caller's turn is taken for good."""
        self._commit()
        self._tell_floor(utterance, None)

    def agent_known(self, utterance: Utterance, left_ms: float) -> None:
        """How long the utterance will sound is known."""
        self._tell_floor(utterance, self._audio_ms + round(left_ms))

    def agent_over(self, utterance: Utterance) -> None:
        """The utterance was heard to its end: the caller's turn, or the end of the call."""
        self._commit()
        if utterance.audio:
            self._failures = 0
        self._watchdog.agent_heard(self._clock())
        self._watchdog.reply_over()
        self._ending.agent_over()
        self._obey(self._floor.agent_done(self._audio_ms))

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        """No provider of a chain could go on: apologise once, then end the call rather than leave it silent."""
        self._failures += 1
        self._commit()
        self._watchdog.reply_over()
        self._obey(self._floor.agent_done(self._audio_ms))
        if self._failures > 1 or self._ending.reason:
            self._ending.begin("provider_error", error.provider, after_words=False)
        else:
            self._say(APOLOGY)

    def agent_crashed(self, error: BaseException) -> None:
        """A fault of ours: closes this call only."""
        self._ending.begin("provider_error", f"internal fault: {type(error).__name__}", after_words=False)
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "a reply crashed", "exception": error})

    # --- the frame path ---

    def _on_frame(self, ulaw: bytes) -> None:
        self._audio_ms += FRAME_MS
        parts = self._parts
        self._ear.push(ulaw)
        track = parts.track
        pcm = mulaw.decode(ulaw)
        track.push(pcm)
        if parts.recorder is not None:
            parts.recorder.caller(ulaw, self._clock())
        if parts.hints is not None:
            parts.hints.push(pcm)
        decisions = self._floor.frame(self._audio_ms, track.speaking, track.last_voice_ms)
        if decisions:
            self._obey(decisions)

    # --- decisions of the floor ---

    def _obey(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            match decision:
                case CallerStarted():
                    self._caller_started()
                case CallerPaused(token=token):
                    self._caller_paused(token)
                case CallerDone():
                    self._caller_done(decision)
                case Hold():
                    self._hold()
                case Resume():
                    self._resume()
                case Interrupted():
                    self._interrupted()
                case NothingSaid(interrupted=interrupted):
                    self._nothing_said(interrupted)
        self._tell_ear()

    def _tell_ear(self) -> None:
        """The recogniser starts afresh whenever the floor has taken a turn for good."""
        if self._floor.turn != self._ear_turn:
            self._ear_turn = self._floor.turn
            self._ear.next_turn()

    def _caller_started(self) -> None:
        self._watchdog.caller_spoke(self._clock())
        self._ear.started()
        if self._turn_started is None:
            self._turn_started = self._wall(self._parts.track.onset_ms)

    def _caller_paused(self, token: int) -> None:
        self._ear.finalise(token)
        if self._parts.hints is not None:
            self._parts.hints.ask(lambda finished: self._obey(self._floor.hint(self._audio_ms, token, finished)))

    def _caller_done(self, done: CallerDone) -> None:
        self._answer(done.text, self._wall(done.end_ms), self._wall(done.due_ms), self._clock())

    def _hold(self) -> None:
        self._held_at, self._overlap_at = self._clock(), self._wall(self._parts.track.onset_ms)
        self._agent.hold()
        self._caller_started()

    def _resume(self) -> None:
        if self._said is None:
            self._turn_started = None
        self._emit(events.Resumed(self._turn, round(self._clock())))
        self._agent.resume()

    def _interrupted(self) -> None:
        started, sounding = self._overlap_at, self._agent.sounding
        self._agent.interrupt()
        self._ending.forget_goodbye()
        self._watchdog.reply_over()
        if sounding:
            self._turn_started = started
            self._emit(events.Interrupted(self._turn, round(started), round(self._held_at)))

    def _nothing_said(self, interrupted: bool) -> None:
        self._turn_started = None
        if interrupted and not self._ending.reason:
            self._say(NOT_UNDERSTOOD)

    # --- turns ---

    def _answer(self, text: str, ended: float, due: float, decided: float) -> None:
        """The caller's turn is over (or goes on where it was taken too early): let the model answer."""
        if self._ending.reason:
            return
        if self._taken is None:
            self._turn += 1
            self._taken = self._transcript.caller(text)
        else:
            self._taken.now(text)
        started = self._turn_started if self._turn_started is not None else ended
        self._said = events.CallerSaid(self._turn, text, round(started), round(ended))
        self._watchdog.reply_asked(decided)
        self._agent.answer(self._turn, TurnClock(ended, due, decided))
        self._obey(self._floor.agent_thinking(self._audio_ms))

    def _commit(self) -> None:
        if self._said is None:
            return
        self._emit(self._said)
        self._said = self._taken = self._turn_started = None

    def _say(self, text: str) -> None:
        self._agent.say(text, self._turn)
        self._obey(self._floor.agent_thinking(self._audio_ms))

    def _tell_floor(self, utterance: Utterance, ends_ms: int | None) -> None:
        text = utterance.text.strip()
        self._obey(self._floor.agent_speaking(self._audio_ms, expectation(text), asks(text), ends_ms))

    def _on_heard(self, event: HearEvent) -> None:
        match event:
            case Recognised(text=text, final=final, token=token):
                if self._last_words is not None and final and not self._last_words.done():
                    self._last_words.set_result(text)
                self._obey(self._floor.transcript(self._audio_ms, text, final, token))
            case HearFailed(error=error):
                self._ending.begin("provider_error", error.provider, after_words=True)
                self._say("I'm sorry, I cannot hear you at the moment. Please call again later.")

    # --- limits ---

    def _note_activity(self, now: float) -> None:
        if self._floor.state in (State.CALLER, State.PAUSED):
            self._watchdog.caller_spoke(now)
        if not self._agent.busy:
            return
        if self._playback.silent(now):
            self._watchdog.working(now)  # tools, keypad and providers have time-outs of their own
        else:
            self._watchdog.agent_heard(now)

    def _on_alarm(self, alarm: Alarm) -> None:
        match alarm:
            case Alarm.NUDGE:
                self._emit(events.Nudged(round(self._clock())))
                self._say(NUDGE)
            case Alarm.SILENCE:
                self._end("silence", self._parts.plan.agent.goodbye)
            case Alarm.TOO_LONG:
                self._end("max_duration", self._parts.plan.agent.goodbye)
            case Alarm.NO_REPLY:
                self._agent.interrupt()
                self._commit()
                self._obey(self._floor.agent_done(self._audio_ms))
                self._say(APOLOGY)

    def _end(self, reason: events.EndReason, last_words: str) -> None:
        self._ending.begin(reason, "", after_words=True)
        self._agent.interrupt()
        self._say(last_words)
        if not self._agent.busy:  # the caller is speaking and did not let the agent begin
            self._ending.agent_over()

    # --- the end ---

    async def _take_last_words(self) -> None:
        """A caller who hangs up while speaking has still said something."""
        if self._said is not None:
            self._commit()
        elif self._floor.state in (State.CALLER, State.PAUSED, State.HELD):
            self._last_words = asyncio.get_running_loop().create_future()
            self._ear.finalise(LAST_TOKEN)
            try:
                async with asyncio.timeout(LAST_WORDS_S):
                    text = await self._last_words
            except TimeoutError:
                return
            if text.strip():
                started = self._turn_started if self._turn_started is not None else self._clock()
                ended = self._wall(self._parts.track.last_voice_ms)
                self._emit(events.CallerSaid(self._turn + 1, text, round(started), round(ended)))

    async def _close_recording(self, recorder: Recorder, now: float) -> None:
        recorder.flush(self._playback.take_heard(now), now, last=True)
        duration = await asyncio.get_running_loop().run_in_executor(None, recorder.close)
        if duration:
            self._emit(events.RecordingReady(str(recorder.path), duration))

    # --- making ---

    def _wall(self, audio_ms: float) -> float:
        """A moment of the audio clock on the call's clock."""
        return self._clock() - (self._audio_ms - audio_ms)

    def _speaker(self) -> Speaker:
        parts, plan = self._parts, self._parts.plan
        available: dict[str, Tool] = {
            "end_call": end_call(lambda: self._ending.begin("agent_hangup", "", after_words=True)),
            "collect_digits": collect_digits(self._digits, self._clock),
        }
        return Speaker(
            think=parts.think,
            speak=parts.speak,
            playback=self._playback,
            transcript=self._transcript,
            tools=Tools({name: available[name] for name in plan.tools}),
            usage=self._usage,
            system=plan.agent.prompt,
            language=plan.agent.language,
            goodbye=plan.agent.goodbye,
            clock=self._clock,
            emit=self._emit,
            audible=lambda: self._agent.audible(),
        )


LAST_TOKEN = 1_000_000_000
