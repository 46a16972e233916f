"""The cascade: who has the floor, what the agent answers and says unasked, silence and time limits.

What happens, in the order of a turn, and where in this file:

1. The caller starts (`_caller_started`): the turn begins, a filler and a prepared answer are dropped.
2. The caller pauses (`apply`, `CallerPaused`): the recogniser is asked for the final text of what was said, and all
   judges for their opinion. An answer may be prepared meanwhile (`PrepareAnswer`); nobody hears it.
3. The caller is done (`_answer`): the turn goes into the transcript, and the model is asked (`_reply`); or a fixed text
   answers, or a tool that collects digits takes the words.
4. The agent sounds (`agent_audible`): soon the turn can no longer change. Its length becomes known
   (`agent_length_known`), and it ends (`agent_finished`): the floor is the caller's, and what waits is said
   (`_speak_pending`).
5. The caller speaks over the agent: the agent is lowered or held (`LowerAgent`, `HoldAgent`) until it is clear whether
   it was a nod (`ResumeAgent`) or an interruption (`_interrupt_agent`). Then the request to the model and the voice are
   canceled, the carrier's buffer is cleared, and the transcript is cut to the words that were heard; an answer that had
   only just begun, and called no tool, counts as not said (`AgentOverlap.interrupt`).
6. A tool outlives the words that called it: it runs on, nobody waits for it, and its result is news. `tools_done` says
   it as soon as nobody speaks, or the next answer tells it.
7. A provider fails (`agent_failed`, `_on_recognised`) or is late (`_stop_late_reply`): the chain has tried the others;
   the agent apologizes, or gives up: it transfers the caller or ends the call.
8. The stream is lost or over (`close`): the last words are awaited for a moment, tools are given a grace, everything
   is freed. If the call goes on at another node, `begin` there starts from the checkpoint: an apology, then the answer
   that is still due.
"""

import asyncio

from media.call.agent import Agent
from media.call.agent_overlap import AgentOverlap
from media.call.announcements import Announcements
from media.call.answer_latency import TurnTimes
from media.call.call_language import plan_language
from media.call.call_tools import ToolSequence
from media.call.caller_turns import CallerTurns
from media.call.components import CascadeComponents
from media.call.failure_policy import FailurePolicy
from media.call.fixed_speech import FixedSpeech
from media.call.floor_evidence import FloorEvidence, make_floor
from media.call.keypad import Keypad
from media.call.language_switch import LanguageSwitch
from media.call.last_words import report_last_words
from media.call.late_filler import LateFiller
from media.call.pending_speech import FixedText, PendingSpeech
from media.call.plan_tools import make_call_tools
from media.call.recogniser import CallRecogniser
from media.call.reply_services import make_phrase_audio, make_reply_services
from media.call.responder import CallLine, MakeResponder, ResponderState
from media.call.screening_phone import CallScreening
from media.call.silence_monitor import ObservedCall, SilenceMonitor
from media.call.snapshot import to_model_messages
from media.call.taps import Tap
from media.call.transcript import Transcript
from media.call.utterance import Utterance
from media.call.watchdog import Alarm
from media.providers.ports import ProviderError, ReplyUnusable, SpeechToTextEvent, SpeechToTextFailed
from media.turn import decisions as floor_decisions
from media.turn.floor_state import CALLER_IS_HEARD, CALLER_TALKS, FloorState
from shared import events


class Conversation:
    """The responder made of recogniser, model and voice. Carries out the floor's decisions, and listens to the agent
    (`AgentListener`) and the recogniser.

    All methods run on the event loop and return at once. turns: the caller's. keypad: keys that either side presses."""

    __slots__ = (
        "__weakref__", "_agent", "_clock", "_components", "_emit", "_evidence", "_failures", "_line", "_mixer",
        "_overlap", "_pending", "_phrase_audio", "_silence", "_speech", "_speech_state", "_switch", "_take_frame",
        "_termination", "_tools", "announcements", "floor",
        "keypad", "language", "recogniser", "screening", "transcript", "turns",
    )  # fmt: skip

    def __init__(self, components: CascadeComponents, line: CallLine) -> None:
        self._components, self._line, self._clock, self._mixer, plan = (
            components,
            line,
            line.clock,
            line.mixer,
            line.plan,
        )
        self._termination, self._emit, language = line.termination, line.emitter.emit, plan_language(plan)
        clock, track, self._speech_state = line.clock, components.track, components.track.speech
        self.keypad = Keypad(line.sent_keys, clock.now, self._emit, self._pause_recording, language)
        late, self.screening = LateFiller(plan.limits, language), CallScreening(plan, clock.now, self._emit)
        self._failures = FailurePolicy(plan.agent, language, line.termination)
        self._phrase_audio = make_phrase_audio(components, plan, language, self._failures, late)
        self.floor = make_floor(components, plan.turn, clock, language.tag)
        self._take_frame = self.floor.frame
        self._evidence = FloorEvidence(components, self.floor, language, clock, self.apply, self.screening.heard)
        self.transcript = Transcript(to_model_messages(plan.resume.messages if plan.resume else []))
        self.turns = CallerTurns(self.transcript, self._emit, plan.resume, line.recorder)
        self._tools = make_call_tools(line, self.keypad, components.remote_tools, self, language)
        self.announcements = Announcements(plan, line.consent, self._emit, clock.now())
        self._pending = PendingSpeech(
            plan, self.announcements, line.consent, line.termination, self._tools, language, self._emit
        )
        services = make_reply_services(
            components,
            line,
            transcript=self.transcript,
            tools=self._tools,
            phrases=self._phrase_audio,
            language=language,
            on_audio_sent=lambda: self._agent.on_audio_sent(),
        )
        self._agent = Agent(services, self)
        self._overlap = AgentOverlap(self._agent, self.turns, track, clock, self._emit)
        self.recogniser = CallRecogniser(components.stt, language.tag, self._on_recognised)
        self.language = language
        self._switch = LanguageSwitch(components, language, self.floor, self.recogniser, self.turns, clock, self._emit)
        call = ObservedCall(clock, track, self.floor, self._agent, self._tools, self.recogniser, line.mixer.agent)
        self._silence = SilenceMonitor(plan, call, late, language)
        self._speech = FixedSpeech(
            agent=self._agent,
            announcements=self.announcements,
            silence=self._silence,
            termination=line.termination,
            turns=self.turns,
            phrases=self._phrase_audio,
            failures=self._failures,
            on_begun=self._take_floor,
        )

    # --- what the call hands on ---

    @property
    def taps(self) -> tuple[Tap, ...]:
        """The recogniser, the voice track, and smart-turn if there is one."""
        parts = self._components
        hints = () if parts.hints is None else (Tap(caller_pcm=parts.hints.push),)
        return (Tap(caller_ulaw=self.recogniser.push), Tap(caller_pcm=parts.track.push), *hints)

    def frame_heard(self, audio_ms: int) -> None:
        """Lets the floor decide; the frame path."""
        speech = self._speech_state
        decisions = self._take_frame(audio_ms, speech.speaking, speech.last_voice_ms)
        if decisions:
            self.apply(decisions)

    @property
    def waits_for_silence(self) -> bool:
        """Whether a turn of the caller's is open, or may be."""
        floor = self.floor
        return self._speech_state.speaking or floor.state in CALLER_IS_HEARD or floor.agent.leaves_turn_open

    def state(self) -> ResponderState:
        """What was said so far, as heard."""
        return ResponderState(self.transcript.settled(), self.turns.reported, self.announcements.heard)

    # --- the call's life ---

    def begin(self) -> None:
        """Opens the recogniser; says the greeting, or waits for the caller. A resumed call begins with an apology,
        or why a transfer failed; the answer that it owes follows."""
        self.recogniser.open()
        if (resume := self._line.plan.resume) is not None:
            self._pending.is_answer_due = self.turns.resume(resume)
            self._tools.resume(self.transcript, self.turns.number, resume.transfer_failure)
        self._speak_pending()

    def tick(self, now: float) -> None:
        """Checks silence, limits and keypad time-outs; called a few times a second."""
        is_silent = self._mixer.silent(now)
        self._silence.update(now, is_silent=is_silent)
        self._agent.check_finished()
        if self.keypad.sent.is_sounding:
            self._silence.key_pressed()
        is_quiet = is_silent and self.floor.state not in CALLER_IS_HEARD
        is_free, received = is_quiet and not self._agent.is_busy, self.keypad.received
        may_interrupt = self._agent.is_interruptible and (is_free or not received.waits(self._pending.is_request))
        if keys := self.keypad.tick(now, is_silent, is_quiet=is_quiet, may_interrupt=may_interrupt):
            self._answer_keys(keys, now)
        if is_quiet:
            self._speech.ask_for_digits(self.keypad.received.take_prompt)
        if alarm := self._silence.alarm(now):
            self._on_alarm(alarm)
        self._termination.tick(now, not is_silent)
        self._speak_pending()
        self._speech.fill_silence(now, is_silent=is_silent)
        if not self._agent.is_busy or self._agent.is_made:  # the voice is free
            self._phrase_audio.prepare()
        if self.screening.verdict_is_due():
            self._end_at_machine()

    async def close(self) -> None:
        """Stops the agent; waits up to `LAST_WORDS_S` for the text of an unfinished turn, and at the same time up to
        `GRACE_S` for tools that run; ends the recogniser."""
        self._evidence.end()
        try:
            await self._agent.close()
            last_words = report_last_words(self.turns, self.floor, self.recogniser, self._clock, self._components.track)
            await asyncio.gather(last_words, self._tools.close())
        finally:
            self._speech.close()
            await self._phrase_audio.close()
            await self.recogniser.close()
            self.keypad.close()

    # --- from the carrier ---

    def on_played(self) -> None:
        """A mark came back: the utterance may have begun to sound, or have been played to its end."""
        if (sounded := self._mixer.agent.sounded_at) is not None:
            self.floor.agent_sounded(self._clock.to_audio(sounded))
        self._agent.check_finished()

    def line_is_free(self) -> None:
        """A person who spoke in the agent's place has given the line back: what the agent had to say sounds again."""
        self._agent.go_on()

    def on_digit(self, digit: str) -> None:
        """A key was pressed."""
        self._silence.key_pressed()
        if self.keypad.press(digit, in_question=self.floor.state in CALLER_TALKS or self._agent.is_thinking):
            self.apply(self.floor.dtmf(self._clock.audio_ms, digit))

    # --- from outside ---

    def say(self, text: str) -> None:
        """The agent says this as soon as nobody speaks."""
        self._pending.add(text)
        self._speak_pending()

    def say_last(self, text: str) -> None:
        """The agent says this at once, as the last words before the line is closed."""
        self._speech.say_last(text)

    def machine_answered(self) -> None:
        """An answering machine records from now on: the agent says its message for it at once and to its end, if there
        is one, and the call ends. The call goes on if the machine only asks who calls."""
        if not self.screening.defers_verdict():
            self._end_at_machine()

    def end(self, reason: events.EndReason) -> None:
        """Ends the call after a goodbye; if a goodbye is under way already, that one is enough."""
        goodbye, must_end = self.language.goodbye, self.language.phrases.must_end
        self._speech.end(reason, f"{must_end} {goodbye}".strip() if reason == "spend_limit" else goodbye)

    def _end_at_machine(self) -> None:
        if message := self._line.plan.voicemail_message:
            self._speech.leave_message(message)
        else:
            self._termination.begin("voicemail", "", after_speech=False)

    def _pause_recording(self, is_collecting: bool) -> None:
        self._line.consent.set_paused("collected keys", is_collecting, self._clock.now())

    # --- from the agent ---

    def agent_audible(self, utterance: Utterance) -> None:
        """The answer began to sound: soon the caller's turn can no longer change."""
        if self.floor.is_overlapped:
            self.turns.commit(is_continued=True)
        self._silence.reply_audible(is_answer=utterance.is_answer)
        self._termination.unsaid_words = ""
        self._report_speech(utterance, None)

    def agent_length_known(self, utterance: Utterance, left_ms: float) -> None:
        """All audio of the utterance is there; `left_ms` of it are still to be played."""
        self._report_speech(utterance, self._clock.audio_ms + round(left_ms))
        self.keypad.time_question(utterance, left_ms)

    def agent_heard(self) -> None:
        """Words are about to be reported: the turn that they answer comes first, if it was still open."""
        if self.turns.is_pending:
            self.turns.commit(is_continued=self.floor.is_overlapped)

    def agent_finished(self, utterance: Utterance) -> None:
        """The utterance was heard to its end: the caller's turn, or the end of the call."""
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self._pending.heard(utterance, self._clock.now(), is_proven=self._mixer.agent.is_proven)
        if utterance.is_answer and utterance.speech_at is not None:
            self._failures.answered()
        self._silence.words_heard()
        self.keypad.time_question(utterance, 0.0)
        self._termination.agent_finished()
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        self._speak_pending()

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        """Every provider of a chain failed: apologises, or gives up. An answer without content is no outage."""
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        if isinstance(error, ReplyUnusable) and not self._termination.reason:
            return self._speech.say(FixedText(self.language.phrases.say_again))
        self._reply_failed(error.provider, is_voice_failing=self._failures.is_voice_failing(utterance))

    def agent_crashed(self, error: BaseException) -> None:
        """An internal error ends only this call; the loop's exception handler logs the traceback."""
        self._termination.begin("provider_error", f"internal fault: {type(error).__name__}", after_speech=False)
        asyncio.get_running_loop().call_exception_handler({"message": "a reply crashed", "exception": error})

    # --- from the tools ---

    def tools_called(self) -> None:
        """A tool acts on what the caller has said: that can no longer change."""
        self.turns.settle(is_acted_on=True)

    def tools_done(self, sequence: ToolSequence) -> None:
        """The tools of an answer have ended: the reply that waits for them is due, or the caller has to be told."""
        self._silence.tools_done(is_awaited=not sequence.is_abandoned)
        if sequence.is_abandoned:
            self._speak_pending()

    def tool_ends_call(self) -> None:
        """The call ends after the last words; a tool that transfers the caller has begun that already."""
        self._termination.begin("agent_hangup", "", after_speech=True)

    # --- decisions of the floor ---

    def apply(self, decisions: tuple[floor_decisions.Decision, ...]) -> None:
        """Carries out what the floor decided."""
        for decision in decisions:
            match decision:
                case floor_decisions.CallerStarted() | floor_decisions.CallerOverlaps():
                    self._caller_started()
                case floor_decisions.CallerPaused(token=token):
                    self.recogniser.finalise(token)
                    self._evidence.paused(token)
                case floor_decisions.PrepareAnswer(text=text) if self._pending.is_for_model(text):
                    if not self.keypad.received.is_collecting:
                        self._agent.prepare(text, self.turns, self._switch.preview(text))
                case floor_decisions.CallerDone():
                    ended, due = self._clock.at_audio(decision.end_ms), self._clock.at_audio(decision.due_ms)
                    self._answer(decision.text, ended, due, self._clock.now(), decision.reason)
                case floor_decisions.TurnSettled():
                    self.turns.commit()
                    self._agent.settle()
                case floor_decisions.LowerAgent() | floor_decisions.HoldAgent():
                    if self._overlap.begin(decision):
                        self._caller_started()
                case floor_decisions.ResumeAgent():
                    self._overlap.resume(decision)
                case floor_decisions.InterruptAgent(early=early):
                    self._interrupt_agent(is_early=early)
                case floor_decisions.NothingSaid(interrupted=interrupted):
                    self._nothing_said(interrupted)
        self.recogniser.set_turn(self.floor.turn)

    def _caller_started(self) -> None:
        self._agent.caller_started()
        self._silence.caller_spoke()
        self.recogniser.started()
        onset_ms = self._components.track.onset_ms
        self.turns.began(self._clock.at_audio(onset_ms), onset_ms)

    def _interrupt_agent(self, *, is_early: bool) -> None:
        if self._agent.is_answering:
            self._failures.answered()
        self._overlap.interrupt(is_early=is_early)
        self._termination.interrupted()
        self._silence.reply_over()

    def _nothing_said(self, interrupted: bool) -> None:
        self.turns.discard()
        self.announcements.callee_spoke()
        self.recogniser.keep_turn(self.floor.turn)
        if not self._termination.reason and (interrupted or self._silence.take_unclear_speech(self._pending)):
            self._speech.say(FixedText(self.language.phrases.not_understood))

    # --- what the agent says ---

    def _answer(self, text: str, ended: float, due: float, decided: float, reason: str = "") -> None:
        """The caller's turn is over, or was continued and is over again: lets the model answer."""
        if self._termination.reason:
            return
        if not self.turns.take(text, ended, self._clock.at_audio, self.recogniser.timed_words):
            return self._reply(None)  # the answer that the sounds have cut off
        self._switch.turn_ended(text, is_opening=self._pending.is_opening)
        self._components.on_turn_taken()
        if reply := self.screening.reply_to(text) or self._pending.reply_to_turn(text, decided):
            self._speech.say(reply)
            if self._pending.is_answer_due:
                self.keypad.received.abandon()
        elif self.keypad.received.take_speech(text, ended, decided):
            self.turns.commit()
            self.apply(self.floor.agent_done(self._clock.audio_ms))
        else:
            self._reply(TurnTimes(since := self._silence.heard_since(ended), max(due, since), decided, reason))

    def _answer_keys(self, keys: str, now: float) -> None:
        """Keys that no tool has collected are a turn of the caller's, unless they ask for something of the call."""
        is_read = self.keypad.received.are_alone and not self._termination.reason
        reply = self._pending.reply_to_keys(keys, now) if is_read else None
        self._speech.say(reply) if reply else self._answer(f"(pressed on the keypad: {keys})", now, now, now)

    def _reply(self, times: TurnTimes | None) -> None:
        self._silence.reply_due(times)
        self._agent.answer(self.turns.number, times)
        self._take_floor()

    def _take_floor(self, interruptible: bool = True) -> None:
        """Words of the agent are being made."""
        self.apply(self.floor.agent_thinking(self._clock.audio_ms, interruptible=interruptible))

    def _speak_pending(self) -> None:
        """Says announcements; once nobody speaks, the greeting, an answer that is still due, the results of tools that
        the caller does not know yet, texts from outside."""
        if self._agent.is_busy or self._termination.reason:
            return
        if self._pending.has_announcements:
            is_caller_heard = self.floor.state in CALLER_IS_HEARD
            if text := self._pending.take_announcement(self._clock.now(), is_caller_heard=is_caller_heard):
                self._speech.say(text)
        elif self.floor.state is not FloorState.LISTENING:
            return
        elif text := self._pending.take_text():
            self._speech.say(text)
        elif self._pending.is_answer_due:
            self._pending.is_answer_due = False
            now = self._clock.now()
            self._reply(TurnTimes(now, now, now))
        elif self._tools.news:
            self._tools.clear_news(self._tools.news)  # told once, also if the model fails
            self._reply(None)

    def _report_speech(self, utterance: Utterance, ends_ms: int | None) -> None:
        """Reports to the floor that the agent is audible, what it expects, and when it will end if that is known."""
        self._pending.began(utterance)
        asked = self._switch.read_question(utterance.text.strip())
        now, is_last, dictated = self._clock.audio_ms, bool(self._termination.reason), asked.dictated
        said = self.floor.agent_speaking(now, asked.expect, asked.asks, ends_ms, dictated=dictated, is_last=is_last)
        self.apply(said)

    def _on_recognised(self, event: SpeechToTextEvent) -> None:
        if not isinstance(event, SpeechToTextFailed):
            self._evidence.take(event)
        elif not self._termination.reason:
            self._speech.give_up(self.language.phrases.cannot_hear, event.error.provider, can_speak=True)

    def _on_alarm(self, alarm: Alarm) -> None:
        match alarm:
            case Alarm.NUDGE if not self._pending.has_announcements:
                self._emit(events.CallNudged(round(self._clock.now())))
                nudge = FixedText(self.language.phrases.nudge)
                self._speech.say(self._pending.take_greeting() if self._pending.is_greeting_due else nudge)
            case Alarm.SILENCE | Alarm.TOO_LONG:
                self.end("silence" if alarm is Alarm.SILENCE else "max_duration")
            case Alarm.NO_REPLY | Alarm.NO_SOUND:
                self._stop_late_reply(alarm)

    def _stop_late_reply(self, alarm: Alarm) -> None:
        """Words of the agent are so late that the limit of silence is near, or reached without an apology."""
        is_voice_failing = alarm is Alarm.NO_SOUND or self._agent.says_fixed_text
        self._agent.interrupt()
        self.recogniser.stop_waiting()
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        self._reply_failed("", is_voice_failing=is_voice_failing)

    def _reply_failed(self, provider: str, *, is_voice_failing: bool) -> None:
        """Apologises, or gives up. provider: of the last failure; "" if none has failed but all are late."""
        if self._termination.reason:
            self._termination.agent_finished()
        elif self._failures.must_give_up(is_voice_failing=is_voice_failing):
            self._speech.give_up(self.language.phrases.closing, provider, can_speak=not is_voice_failing)
        elif self._pending.has_announcements:
            self._speak_pending()
        else:
            self._speech.say(FixedText(self.language.phrases.apology))


def make_cascade(components: CascadeComponents) -> MakeResponder:
    """The responder of a call that these make up."""
    return lambda line: Conversation(components, line)
