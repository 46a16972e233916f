"""One phone call: frames in, decisions of the floor obeyed, and an orderly end."""

import asyncio
from collections import deque

from media.audio import mulaw
from media.audio.framer import Framer
from media.call.agent import Agent, TurnClock
from media.call.digits import Digits
from media.call.ear import LAST_WORDS_S, Ear
from media.call.ending import Ending
from media.call.memory import Memory, remembered, written
from media.call.parts import Parts
from media.call.playback import Playback
from media.call.reply import Speaker
from media.call.tape import Tape
from media.call.tools import offered
from media.call.transcript import Transcript
from media.call.turns import Turns
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


class Call:
    """Carries one call. All methods run on the event loop; `on_audio` is the frame path and never waits."""

    def __init__(self, parts: Parts) -> None:
        plan = parts.plan
        self._parts = parts
        self._clock = parts.clock
        self._emit = parts.journal.emit
        self._framer = Framer()
        self._audio_ms = 0
        turn = plan.turn
        rules = Rules(turn.silence_ms, adaptive=turn.adaptive, barge_in=turn.barge_in, min_words=turn.min_words)
        self._floor = Floor(rules, parts.clock)
        self._digits = Digits()
        lost = self._lost = plan.resume
        self._watchdog = Watchdog(plan.limits, parts.clock())
        self._usage = Counter.going_on(lost.usage if lost else events.Usage())
        self._transcript = Transcript(remembered(lost.messages if lost else []))
        self._turns = Turns(self._transcript, self._emit, lost.turn if lost else 0)
        self._playback = Playback(parts.line, keep_heard=parts.recorder is not None)
        self._tape = Tape(parts, self._playback)
        self._ending = Ending(parts.line, self._clock)
        self._agent = Agent(self._speaker(), self)
        self._ear = Ear(parts.hear, plan.agent.language, self._on_heard)
        self._owes_answer = False  # to what the caller said before the call was lost
        self._wishes: deque[str] = deque()  # words from outside that wait for the floor
        self._held_at = self._overlap_at = 0.0
        self._failures = 0

    # --- from the carrier ---

    def begin(self) -> None:
        """The line is open: the greeting is said, or the agent waits for the caller. A call that was lost goes on with
        the greeting as an apology, then with the answer that is owed."""
        greeting = self._parts.plan.agent.greeting
        if self._lost is not None:
            self._owes_answer = self._turns.pick_up(self._lost)
        if greeting:
            self._say(greeting, aside=self._owes_answer)
        self._run_errands()

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
        self._run_errands()
        self._tape.tick(now)

    async def finish(self, reason: events.EndReason, detail: str = "") -> None:
        """The line is closed: whatever was said is kept, everything is given back, the record is closed."""
        now = self._clock()
        await self._agent.close()
        await self._take_last_words()
        await self._ear.close()
        await self._tape.close(now)
        reason = self._ending.reason or reason
        status: events.Status = "failed" if reason in ("carrier_error", "provider_error", "media_lost") else "completed"
        detail = self._ending.detail or detail
        self._emit(events.CallEnded(status, reason, detail, round(now), self._consumed(now)))
        self._parts.journal.close()

    # --- from outside ---

    @property
    def ending(self) -> Ending:
        """Whether and why the call comes to its end by itself."""
        return self._ending

    @property
    def elapsed_ms(self) -> float:
        """The call's clock."""
        return self._clock()

    def note(self, event: events.Event) -> None:
        """Writes an event down that somebody else knows of."""
        self._emit(event)

    def memory(self) -> Memory:
        """What another node needs to go on with this call."""
        now = self._clock()
        return Memory(written(self._transcript.settled()), self._turns.told, self._consumed(now), round(now))

    def say(self, text: str) -> None:
        """The agent says this as soon as nobody speaks."""
        self._wishes.append(text)
        self._run_errands()

    def end(self, reason: events.EndReason, *, polite: bool) -> None:
        """Ends the call: at once, or after a goodbye."""
        if polite:
            self._end(reason)
        else:
            self._ending.begin(reason, "", after_words=False)

    def transfer(self, number: str, words: str) -> None:
        """Puts the caller through, after `words` if there are any."""
        self._ending.transfer(number, after_words=bool(words))
        if words:
            self._say_last(words)

    # --- from the agent ---

    def agent_audible(self, utterance: Utterance) -> None:
        """The answer began to sound: the caller's turn is taken for good."""
        self._turns.commit()
        self._tell_floor(utterance, None)

    def agent_known(self, utterance: Utterance, left_ms: float) -> None:
        """How long the utterance will sound is known."""
        self._tell_floor(utterance, self._audio_ms + round(left_ms))

    def agent_over(self, utterance: Utterance) -> None:
        """The utterance was heard to its end: the caller's turn, or the end of the call."""
        self._turns.commit()
        if utterance.audio:
            self._failures = 0
        self._watchdog.agent_heard(self._clock())
        self._watchdog.reply_over()
        self._ending.agent_over()
        self._obey(self._floor.agent_done(self._audio_ms))
        self._run_errands()

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        """No provider of a chain could go on: apologise once, then end the call rather than leave it silent."""
        self._failures += 1
        self._turns.commit()
        self._watchdog.reply_over()
        self._obey(self._floor.agent_done(self._audio_ms))
        if self._failures > 1 or self._ending.reason:
            self._ending.begin("provider_error", error.provider, after_words=False)
        else:
            self._say(APOLOGY)

    def agent_crashed(self, error: BaseException) -> None:
        """A fault of ours: closes this call only."""
        self._ending.begin("provider_error", f"internal fault: {type(error).__name__}", after_words=False)
        asyncio.get_running_loop().call_exception_handler({"message": "a reply crashed", "exception": error})

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
                    ended, due = self._wall(decision.end_ms), self._wall(decision.due_ms)
                    self._answer(decision.text, ended, due, self._clock())
                case Hold():
                    self._hold()
                case Resume():
                    self._resume()
                case Interrupted():
                    self._interrupted()
                case NothingSaid(interrupted=interrupted):
                    self._nothing_said(interrupted)
        self._ear.follow(self._floor.turn)

    def _caller_started(self) -> None:
        self._watchdog.caller_spoke(self._clock())
        self._ear.started()
        self._turns.began(self._wall(self._parts.track.onset_ms))

    def _caller_paused(self, token: int) -> None:
        self._ear.finalise(token)
        if self._parts.hints is not None:
            self._parts.hints.ask(lambda finished: self._obey(self._floor.hint(self._audio_ms, token, finished)))

    def _hold(self) -> None:
        self._held_at, self._overlap_at = self._clock(), self._wall(self._parts.track.onset_ms)
        self._agent.hold()
        self._caller_started()

    def _resume(self) -> None:
        self._turns.resumed()
        self._emit(events.Resumed(self._turns.number, round(self._clock())))
        self._agent.resume()

    def _interrupted(self) -> None:
        started, sounding = self._overlap_at, self._agent.sounding
        self._agent.interrupt()
        self._ending.interrupted()
        self._watchdog.reply_over()
        if sounding:
            self._turns.began_over(started)
            self._emit(events.Interrupted(self._turns.number, round(started), round(self._held_at)))

    def _nothing_said(self, interrupted: bool) -> None:
        self._turns.nothing()
        if interrupted and not self._ending.reason:
            self._say(NOT_UNDERSTOOD)

    # --- turns ---

    def _answer(self, text: str, ended: float, due: float, decided: float) -> None:
        """The caller's turn is over (or goes on where it was taken too early): let the model answer."""
        if self._ending.reason:
            return
        self._turns.take(text, ended)
        self._owes_answer = False  # whatever was owed is answered with this
        self._parts.heard()
        self._reply(TurnClock(ended, due, decided))

    def _reply(self, asked: TurnClock) -> None:
        self._watchdog.reply_asked(asked.decided)
        self._agent.answer(self._turns.number, asked)
        self._obey(self._floor.agent_thinking(self._audio_ms))

    def _run_errands(self) -> None:
        """What the agent has to say by itself, once nobody speaks."""
        if self._agent.busy or self._ending.reason or self._floor.state is not State.LISTENING:
            return
        if self._owes_answer:
            self._owes_answer = False
            now = self._clock()
            self._reply(TurnClock(now, now, now))
        elif self._wishes:
            self._say(self._wishes.popleft())

    def _say(self, text: str, *, aside: bool = False) -> None:
        self._agent.say(text, self._turns.number, aside=aside)
        self._obey(self._floor.agent_thinking(self._audio_ms))

    def _tell_floor(self, utterance: Utterance, ends_ms: int | None) -> None:
        text = utterance.text.strip()
        self._obey(self._floor.agent_speaking(self._audio_ms, expectation(text), asks(text), ends_ms))

    def _on_heard(self, event: HearEvent) -> None:
        match event:
            case Recognised(text=text, final=final, token=token):
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
            case Alarm.SILENCE | Alarm.TOO_LONG:
                self._end("silence" if alarm is Alarm.SILENCE else "max_duration")
            case Alarm.NO_REPLY:
                self._agent.interrupt()
                self._turns.commit()
                self._obey(self._floor.agent_done(self._audio_ms))
                self._say(APOLOGY)

    def _end(self, reason: events.EndReason) -> None:
        is_leaving = self._ending.reason is not None and self._agent.busy
        self._ending.begin(reason, "", after_words=True)
        if not is_leaving:  # who says goodbye already need not say it twice
            self._say_last(self._parts.plan.agent.goodbye)

    def _say_last(self, words: str) -> None:
        self._agent.interrupt()
        self._say(words)
        if not self._agent.busy:  # the caller is speaking and did not let the agent begin
            self._ending.agent_over()

    # --- the end ---

    async def _take_last_words(self) -> None:
        """A caller who hangs up while speaking has still said something."""
        if self._turns.pending:
            self._turns.commit()
        elif self._floor.state in (State.CALLER, State.PAUSED, State.HELD):
            text = await self._ear.last_words(LAST_WORDS_S)
            if text.strip():
                self._turns.last(text, self._clock(), self._wall(self._parts.track.last_voice_ms))

    # --- making ---

    def _wall(self, audio_ms: float) -> float:
        """A moment of the audio clock on the call's clock."""
        return self._clock() - (self._audio_ms - audio_ms)

    def _consumed(self, now: float) -> events.Usage:
        return self._usage.total(round(now), self._audio_ms)

    def _speaker(self) -> Speaker:
        parts, plan = self._parts, self._parts.plan
        return Speaker(
            think=parts.think,
            speak=parts.speak,
            playback=self._playback,
            transcript=self._transcript,
            tools=offered(plan, self._ending, self._digits, self._clock),
            usage=self._usage,
            system=plan.agent.prompt,
            language=plan.agent.language,
            goodbye=plan.agent.goodbye,
            clock=self._clock,
            emit=self._emit,
            audible=lambda: self._agent.audible(),
        )
