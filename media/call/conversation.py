"""The cascade: recognizer, language model and voice answer the caller. This file has the order of events in a call.

`Conversation` gets the floor's decisions (`apply`), and what the carrier, the agent, the recognizer and the tools
report. Each step below names the method that carries it out.

1. The caller starts (`_caller_started`). A filler that no reply has taken over and a prepared answer are dropped.

2. The caller pauses (`CallerPaused`). The final text is requested from the recognizer, and an opinion from the
   judges. An answer may be prepared (`PrepareAnswer`): the model gets the request, but no audio is sent and no tool
   runs before step 3.

3. The caller is done (`_answer`). The turn enters the transcript (`CallerTurns.take`, which schedules a checkpoint).
   It may change the call's language (`_language_changed`).
   Then the model gets the request (`_reply`), a fixed text answers, or a tool that collects digits takes the words.
   The turn may still go on: it is reported (`CallerSaid`) when the answer has been audible for a moment
   (`TurnSettled`), when a tool is called (`tools_called`), or when the answer ends.

4. The agent sounds (`agent_audible`, then `agent_length_known`) and is heard to its end (`agent_finished`). `AgentSaid`
   is emitted, the floor is free, and what waits is said (`_speak_pending`).

5. The caller speaks over the agent.
   - The floor lowers or holds the agent at once (`LowerAgent`, `HoldAgent`). Already here the carrier's buffer is
     cleared; audio that is only lowered is sent again, more quietly. If the sound was a nod or noise (`ResumeAgent`), a
     held agent continues at the start of the word that was cut.
   - `InterruptAgent`: `_interrupt_agent` runs these steps in this order:
     a. If the turn that the agent answers is not reported yet, it is now (`CallerSaid`).
     b. `Agent.interrupt` cancels the reply's task, and with it the requests to the model and the voice, and drops the
        rest of the audio.
     c. The transcript, and so the model's next request, keeps only the words that were heard. A word was heard if 60 %
        of it has sounded (`HEARD_SHARE`). Tools continue as in step 6.
     d. `AgentSaid(interrupted=True)` reports the words that were heard, if any. `planned` is the text as far as it was
        written, and empty if all of that was heard.
     e. `TurnInterrupted` is emitted.
     f. The agent's own hang-up, and the one after silence, are revoked. Any other ending under way, such as a transfer,
        is carried out at once (`CallTermination.interrupted`).
   - An answer that is not audible yet is dropped without `AgentSaid` and `TurnInterrupted` (b, c and f remain). Its
     turn goes on, unless it is reported already because a tool was called. A filler that was heard is always reported
     (`AgentSaid`).
   - An answer is withdrawn if the interruption is early (`InterruptAgent.early`: its turn has not settled) and it has
     called no tool. It leaves no words in the transcript and no event; what the caller adds belongs to the same
     turn.
   - Words that may not be interrupted (announcements, a message for an answering machine, a greeting or all words if
     the plan says so) sound to their end. What the caller says meanwhile (`CallerOverlaps`) is a turn of its own, which
     is answered after them.
   - A key that no tool collects (`on_digit`) interrupts an audible agent at once, a typed turn (`on_text`) at the next
     `tick`. If `barge_in` is off, neither does: their answer replaces the agent's words when it begins, without 5e, 5f.

6. A tool outlives the words that called it. If they sound to their end, the reply is not over: it waits for its tools
   (`Reply._fill`), says their fillers, and then sends their results to the model, unless every tool succeeded and ends
   the call or the answer. The tools start when the model's text ends, not when it was heard. If the reply is cut while
   it waits (5c), or a tool asks whether digits are right (`Agent.end_waiting`), its tools are abandoned (`Reply.cut`):
   - The run under way continues. A tool that `stops_at_barge_in` (hang up, transfer, collect digits) is canceled,
     unless the caller's words are meant for it (`takes_speech`).
   - Calls of the same answer that have not begun: those that end the call or stop at barge-in are not run
     (`CANCELLED_RESULT`); the others run one after another.
   - A tool that `ends_call` and succeeds after that does not end the call. For one that succeeded before, see 5f. A
     warm transfer that the target has accepted is carried out at once, whoever speaks.
   - While a tool runs, the model reads `RUNNING_RESULT` in place of its result.
   - The result is new (`CallTools.new_results`): the agent's next answer covers it, or, as soon as nobody speaks, the
     model is asked again (`tools_done`, `_speak_pending`). Results that came before the cut are new as well, unless a
     stream of the model that had them has ended. Canceled runs and results with `needs_answer=False` are not.

7. A provider fails (`agent_failed`, `_on_recognized`) after the chain has tried the others, or a reply is late
   (`_stop_late_reply`). The agent apologizes. After several failures in a row, or if the recognizer fails, it transfers
   the caller or ends the call.

8. The stream is lost, and the call continues in another one.
   - `media/server/connection.py` decides that it is lost. `carrier_error`: the socket broke, went silent, took no data,
     broke the protocol or sent too much, or our code failed outside a reply (a reply that crashes ends the call with
     `provider_error`). `media_lost`: the node shuts down, and its calls have not ended within the time to drain. A stop
     message or a clean close counts as `caller_hangup`, and a reason of our own (`CallTermination`) takes precedence.
   - Before `close`, `connection._finish_call` calls `end_stream`, which reports the caller's pending turn
     (`CallerSaid`). Then `BusCallRecord.stream_ended` calls `state` and stores the checkpoint, for which the connection
     waits at most 0.3 s. If the node shuts down, the socket is closed after that. In the other cases it is closed
     already, and control may still read the checkpoint before. A lost stream gets no outcome. If the node itself dies,
     the latest checkpoint remains: one is written after each turn, utterance, tool start and tool end.
   - The checkpoint has the words that were heard, without those of an utterance under way (its tool calls are kept).
     A running tool has no result in the checkpoint.
   - Then `close` runs as in step 9. Its events are stored, but the checkpoint does not change.
   - The carrier asks control what to do next. Control finds no outcome, and makes a plan from the checkpoint
     (`make_resumed_plan` in `control/calls/admission/plans.py`): leg + 1, with an apology as the greeting.
   - On the new stream `begin` reports the caller's last turn if it was not reported at the checkpoint
     (`CallerTurns.resume`), because the node died before `end_stream`. Then
     `CallTools.resume` starts repeatable tools again under the same run id, as abandoned ones (6), and gives the others
     `LOST_RESULT`, which is new. A hang-up or transfer that was about to happen is revoked (`NOT_ENDED_RESULT`). The
     agent says the apology, then the answer to the caller's last words, or to the results.

9. The call is over (`close`). The agent is interrupted. The caller's last words are awaited for at most `LAST_WORDS_S`
   and running tools, at the same time, for at most `GRACE_S`; then everything is freed. If we end the call,
   its outcome (hang up, or transfer) was stored before the socket was closed.

10. A supervisor takes the line (`Call.take_line`) and speaks to the caller. The agent is paused (`pause`): it is
    interrupted (5b to 5d), and an answer that was not audible yet is due after the pause. What the caller says is taken
    as in step 3 and not answered (`_take_while_paused`). The supervisor's words are recognized in a separate
    session (`PersonTranscript`). Each utterance is put among the caller's turns by the time at which it began
    (`person_said`), and `PersonSaid` is emitted. When the line is given back, the last words are awaited for at most
    `LAST_WORDS_S`. Then the agent answers the caller's last turn (`resume`), and the model reads what was said.
"""

import asyncio
from typing import Literal

from media.call.agent import Agent
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
from media.call.recognizer import CallRecognizer
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
    """The responder of a cascade. Implements `AgentListener` and `ToolListener`.

    All methods run on the event loop. All but `close` return at once.

    Attributes:
        turns: The caller's turns.
        keypad: The keys that the caller or the agent presses.
    """

    __slots__ = (
        "__weakref__", "_agent", "_clock", "_components", "_emit", "_evidence", "_failures", "_is_paused", "_late",
        "_line", "_mixer", "_overlap_began", "_pending", "_phrase_audio", "_silence", "_speech", "_speech_state",
        "_switch", "_take_frame", "_termination", "_tools", "_typed", "announcements", "floor", "keypad", "language",
        "recognizer", "screening", "transcript", "turns",
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
        self._late, self.screening = LateFiller(plan.limits, language), CallScreening(plan, clock.now, self._emit)
        self._failures = FailurePolicy(plan.agent, language, line.termination)
        sentences = self._failures.order_sentences(self._late.sentences)
        self._phrase_audio = make_phrase_audio(components, plan, language, sentences)
        self.floor = make_floor(components, plan.turn, clock, language.tag)
        self._take_frame = self.floor.frame
        self._evidence = FloorEvidence(components, self.floor, language, clock, self.apply, self.screening.heard)
        self.transcript = Transcript(to_model_messages(plan.resume.messages if plan.resume else []))
        self.turns = CallerTurns(self.transcript, self._emit, plan.resume, line.recorder, line.on_turn_taken)
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
        )
        self._agent = Agent(services, self)
        self._typed: list[str] = []  # typed turns that are not answered yet
        self._is_paused = False  # whether a supervisor has paused the agent
        self._overlap_began = 0.0  # when the caller began to speak over the agent
        self.recognizer = CallRecognizer(components.stt, language.tag, self._on_recognized)
        self.language = language
        self._switch = LanguageSwitch(language, self.floor, self.turns, clock, self._emit)
        call = ObservedCall(clock, track, self.floor, self._agent, self._tools, self.recognizer, line.mixer.agent)
        self._silence = SilenceMonitor(plan, call, self._late, language)
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

    # --- for the call ---

    @property
    def taps(self) -> tuple[Tap, ...]:
        """The recognizer, the voice track, and smart-turn if it is enabled."""
        parts = self._components
        hints = () if parts.hints is None else (Tap(caller_pcm=parts.hints.push),)
        return (Tap(caller_ulaw=self.recognizer.push), Tap(caller_pcm=parts.track.push), *hints)

    def frame_heard(self, audio_ms: int) -> None:
        """Give the floor a frame and carry out its decisions. This is the frame path."""
        speech = self._speech_state
        decisions = self._take_frame(audio_ms, speech.speaking, speech.last_voice_ms)
        if decisions:
            self.apply(decisions)

    @property
    def waits_for_silence(self) -> bool:
        """Whether the caller's turn is or may be open."""
        floor = self.floor
        return self._speech_state.speaking or floor.state in CALLER_IS_HEARD or floor.agent.leaves_turn_open

    @property
    def holder(self) -> Literal["caller", "agent", "none"]:
        """Who has the floor. The agent also has it while it prepares its words."""
        if self.floor.state in CALLER_IS_HEARD:
            return "caller"
        return "none" if self.floor.state is FloorState.LISTENING else "agent"

    def state(self) -> ResponderState:
        """Return what the caller heard and said so far."""
        return ResponderState(self.transcript.settled(), self.turns.reported, self.announcements.heard)

    # --- the call's life ---

    def begin(self) -> None:
        """Open the recognizer, then say the greeting or wait for the caller.

        A resumed call begins with an apology, or with the reason why a transfer failed. The answer that is still due
        follows.
        """
        self.recognizer.open()
        if (resume := self._line.plan.resume) is not None:
            self._pending.is_answer_due = self.turns.resume(resume)
            self._tools.resume(self.transcript, self.turns.number, resume.transfer_failure)
        self._speak_pending()

    def tick(self, now: float) -> None:
        """Check silence, limits and keypad time-outs. Called a few times a second."""
        is_silent = self._mixer.silent(now)
        self._silence.update(now, is_silent=is_silent)
        self._agent.check_finished()
        if self.keypad.sent.is_sounding or self._is_paused:
            self._silence.key_pressed()
        is_quiet = is_silent and self.floor.state not in CALLER_IS_HEARD
        is_free, received = is_quiet and not self._agent.is_busy, self.keypad.received
        may_interrupt = self._agent.is_interruptible and (is_free or not received.waits(self._pending.is_request))
        if keys := self.keypad.tick(now, is_silent, is_quiet=is_quiet, may_interrupt=may_interrupt):
            self._answer_keys(keys, now)
        if self._typed and self._agent.is_interruptible:
            self._answer_typed(now)
        if is_quiet and not self._is_paused:
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

    def end_stream(self) -> None:
        """Report the caller's pending turn, so that the last checkpoint counts it and no other node reports it."""
        self.turns.settle()

    async def close(self) -> None:
        """Stop the agent, wait for the caller's last words and for running tools, and free everything."""
        self._evidence.end()
        try:
            await self._agent.close()
            last_words = report_last_words(self.turns, self.floor, self.recognizer, self._clock, self._components.track)
            await asyncio.gather(last_words, self._tools.close())
        finally:
            self._speech.close()
            await self._phrase_audio.close()
            await self.recognizer.close()
            self.keypad.close()

    # --- from the carrier ---

    def on_played(self) -> None:
        """Process a returned mark, which may show that the utterance has begun to sound or has ended."""
        if (sounded := self._mixer.agent.sounded_at) is not None:
            self.floor.agent_sounded(self._clock.to_audio(sounded))
        self._agent.check_finished()

    def note(self, text: str) -> None:
        """Give the model a supervisor's note with its next request."""
        self.transcript.add_aside(text)

    def person_said(self, text: str, began: float) -> None:
        """Add what a supervisor said to the caller in the agent's place to the conversation."""
        self.transcript.add_person(text, began)

    def pause(self) -> None:
        """Silence the agent until `resume`. Turns of the caller are still processed and reported."""
        if self._is_paused:
            return
        self._is_paused, owes_answer = True, self._agent.is_thinking
        self._agent.interrupt()
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        self._silence.reply_over()
        self._pending.is_answer_due = self._pending.is_answer_due or owes_answer

    def resume(self) -> None:
        """Let the agent continue and answer what the caller said meanwhile."""
        self._is_paused = False
        self._speak_pending()

    def line_is_free(self) -> None:
        """Continue the agent's utterance after a person gave the line back."""
        self._agent.go_on()

    def on_digit(self, digit: str) -> None:
        """Process a key that the caller pressed."""
        self._silence.key_pressed()
        if self.keypad.press(digit, in_question=self.floor.state in CALLER_TALKS or self._agent.is_thinking):
            self.apply(self.floor.dtmf(self._clock.audio_ms, digit))

    def on_text(self, text: str) -> None:
        """Store a turn that the caller typed. The next tick answers it."""
        self._silence.key_pressed()
        self._typed.append(text)

    # --- from outside ---

    def say(self, text: str) -> None:
        """Say a text from outside as soon as nobody speaks."""
        self._pending.add(text)
        self._speak_pending()

    def say_last(self, text: str) -> None:
        """Say a text at once, as the last words before the line is closed."""
        self._speech.say_last(text)

    def machine_answered(self) -> None:
        """Leave the agent's message on an answering machine, if the agent has a message, and end the call.

        The call continues if the machine only asks who is calling.
        """
        if not self.screening.defers_verdict():
            self._end_at_machine()

    def end(self, reason: events.EndReason) -> None:
        """End the call after a goodbye. A goodbye that is being said is not repeated."""
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
        """Called when audio of the utterance was sent for the first time."""
        if self.floor.is_overlapped:
            self.turns.commit(is_continued=True)
        self._silence.reply_audible(is_answer=utterance.is_answer)
        self._termination.unsaid_words = ""
        self._report_speech(utterance, None)

    def agent_length_known(self, utterance: Utterance, left_ms: float) -> None:
        """Called when the utterance has all its audio, of which `left_ms` are still to be played."""
        self._report_speech(utterance, self._clock.audio_ms + round(left_ms))
        self.keypad.time_question(utterance, left_ms)

    def agent_heard(self) -> None:
        """Report the turn that the agent's words answer, before the words themselves are reported as heard."""
        if self.turns.is_pending:
            self.turns.commit(is_continued=self.floor.is_overlapped)

    def agent_finished(self, utterance: Utterance) -> None:
        """Give the floor to the caller, or end the call, because the utterance was heard to its end."""
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
        """Apologize or give up, because all providers of a chain failed. An empty answer does not count as
        a failure.
        """
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        if isinstance(error, ReplyUnusable) and not self._termination.reason:
            return self._speech.say(FixedText(self.language.phrases.say_again))
        self._reply_failed(error.provider, is_voice_failing=self._failures.is_voice_failing(utterance))

    def agent_crashed(self, error: BaseException) -> None:
        """End only this call after an internal error. The loop's exception handler logs the traceback."""
        self._termination.begin("provider_error", f"internal fault: {type(error).__name__}", after_speech=False)
        asyncio.get_running_loop().call_exception_handler({"message": "a reply crashed", "exception": error})

    # --- from the tools ---

    def tools_called(self) -> None:
        """Settle the caller's turn, because a tool acts on it and it can no longer change."""
        self.turns.settle(is_acted_on=True)

    def tools_done(self, sequence: ToolSequence) -> None:
        """Called when all tools of an answer have ended: the waiting reply is due, or the new results are
        said later.
        """
        self._silence.tools_done(is_awaited=not sequence.is_abandoned)
        if sequence.is_abandoned:
            self._speak_pending()

    def tool_ends_call(self) -> None:
        """Hang up after the last words because a tool ended the call, unless the tool has begun a transfer."""
        self._termination.begin("agent_hangup", "", after_speech=True)

    # --- decisions of the floor ---

    def apply(self, decisions: tuple[floor_decisions.Decision, ...]) -> None:
        """Carry out the floor's decisions."""
        for decision in decisions:
            match decision:
                case floor_decisions.CallerStarted() | floor_decisions.CallerOverlaps():
                    self._caller_started()
                case floor_decisions.CallerPaused(token=token):
                    self.recognizer.finalize(token)
                    self._evidence.paused(token)
                case floor_decisions.PrepareAnswer(text=text) if self._pending.is_for_model(text):
                    if not self._is_paused and not self.keypad.received.is_collecting:
                        self._agent.prepare(text, self.turns, self._switch.preview(text))
                case floor_decisions.CallerDone():
                    ended, due = self._clock.at_audio(decision.end_ms), self._clock.at_audio(decision.due_ms)
                    self._answer(decision.text, ended, due, self._clock.now(), decision.reason)
                case floor_decisions.TurnSettled():
                    self.turns.commit()
                    self._agent.settle()
                case floor_decisions.LowerAgent(is_suspected=is_suspected, is_early=is_early):
                    self._agent.lower(is_early=is_early)
                    self._caller_overlaps(has_begun=not is_suspected)
                case floor_decisions.HoldAgent(lowered=was_lowered):
                    self._agent.hold()
                    self._caller_overlaps(has_begun=not was_lowered)
                case floor_decisions.ResumeAgent(lowered=was_lowered):
                    self._resume_agent(was_lowered=was_lowered)
                case floor_decisions.InterruptAgent(early=early):
                    self._interrupt_agent(is_early=early)
                case floor_decisions.NothingSaid(interrupted=interrupted):
                    self._nothing_said(interrupted)
        self.recognizer.set_turn(self.floor.turn)

    def _caller_started(self) -> None:
        self._agent.caller_started()
        self._silence.caller_spoke()
        self.recognizer.started()
        onset_ms = self._components.track.onset_ms
        self.turns.began(self._clock.at_audio(onset_ms), onset_ms)

    def _caller_overlaps(self, *, has_begun: bool) -> None:
        """Called when the caller speaks over the agent, which was lowered or held. `has_begun` marks the beginning of
        speech.
        """
        if has_begun:
            self._overlap_began = self._clock.at_audio(self._components.track.onset_ms)
            self._caller_started()

    def _resume_agent(self, *, was_lowered: bool) -> None:
        """Resume the agent, because the speech over it was a backchannel or noise.

        Args:
            was_lowered: The agent was audible all the time.
        """
        self.turns.discard_overlap()
        if not was_lowered:
            self._emit(events.TurnResumed(self.turns.number, round(self._clock.now())))
            self._agent.resume()

    def _interrupt_agent(self, *, is_early: bool) -> None:
        """Interrupt the agent, because the caller takes the floor.

        Args:
            is_early: The caller continues the turn that the agent answers.
        """
        agent, turns = self._agent, self.turns
        if agent.is_answering:
            self._failures.answered()
        is_withdrawn = is_early and turns.is_pending and agent.may_be_withdrawn
        is_reported = agent.is_audible and not is_withdrawn
        if is_reported:
            turns.settle()  # emits `CallerSaid`, before `AgentSaid`
        agent.interrupt(withdraws=is_withdrawn)  # emits `AgentSaid`
        if is_reported:
            turns.began_over_agent(self._overlap_began)
            began, silenced = round(self._overlap_began), round(agent.silenced_at)
            self._emit(events.TurnInterrupted(turns.number, began, silenced))
        self._termination.interrupted()
        self._silence.reply_over()

    def _nothing_said(self, interrupted: bool) -> None:
        self.turns.discard()
        self.announcements.callee_spoke()
        self.recognizer.keep_turn(self.floor.turn)
        if self._is_paused or self._termination.reason:
            return
        if interrupted or self._silence.take_unclear_speech(self._pending):
            self._speech.say(FixedText(self.language.phrases.not_understood))

    # --- what the agent says ---

    def _answer(self, text: str, ended: float, due: float, decided: float, reason: str = "") -> None:
        """Answer the caller's turn, which is over, perhaps for the second time. Times are in ms on the call's clock."""
        if self._termination.reason:
            return
        if not self.turns.take(text, ended, self._clock.at_audio, self.recognizer.timed_words):
            return self._reply(None)  # sounds without new words have cut off the answer
        if self._switch.turn_ended(text, is_opening=self._pending.is_opening):
            self._language_changed()
        if self._is_paused:
            self._take_while_paused(text, decided)
        elif reply := self.screening.reply_to(text) or self._pending.reply_to_turn(text, decided):
            self._speech.say(reply)
            if self._pending.is_answer_due:
                self.keypad.received.abandon()
        elif self.keypad.received.take_speech(text, ended, decided):
            self.turns.commit()
            self.apply(self.floor.agent_done(self._clock.audio_ms))
        else:
            self._reply(TurnTimes(since := self._silence.heard_since(ended), max(due, since), decided, reason))

    def _language_changed(self) -> None:
        """Continue the call in the caller's language from this answer on."""
        tag = self.language.tag
        self._phrase_audio.set_language(tag, self._failures.order_sentences(self._late.sentences))
        self.floor.set_language(tag)
        self.recognizer.set_language(tag)
        self._components.on_language_switched(tag)

    def _take_while_paused(self, text: str, decided: float) -> None:
        """Store a turn that is answered after the pause. Requests to the call, such as a refusal to be recorded, apply
        now."""
        is_answered = self._pending.reply_to_turn(text, decided) is not None
        self._pending.is_answer_due = not is_answered
        self.turns.commit()
        self.apply(self.floor.agent_done(self._clock.audio_ms))

    def _answer_keys(self, keys: str, now: float) -> None:
        """Answer keys that no tool collects: as a request to the call, or else as a turn of the caller."""
        is_read = self.keypad.received.are_alone and not self._termination.reason
        reply = self._pending.reply_to_keys(keys, now) if is_read else None
        self._speech.say(reply) if reply else self._answer(f"(pressed on the keypad: {keys})", now, now, now)

    def _answer_typed(self, now: float) -> None:
        """Answer typed words as a separate turn. They interrupt the agent as a key does."""
        text, self._typed = " ".join(self._typed), []
        self.turns.commit()
        self.apply(self.floor.dtmf(self._clock.audio_ms, ""))
        self._answer(text, now, now, now)

    def _reply(self, times: TurnTimes | None) -> None:
        self._silence.reply_due(times)
        self._agent.answer(self.turns.number, times)
        self._take_floor()

    def _take_floor(self, interruptible: bool = True) -> None:
        """Give the floor to the agent, which prepares words."""
        self.apply(self.floor.agent_thinking(self._clock.audio_ms, interruptible=interruptible))

    def _speak_pending(self) -> None:
        """Say an announcement, or, if nobody speaks, the first of these that is due.

        The order is: the greeting, an answer that is still due, new results of tools, texts from outside.
        """
        if self._agent.is_busy or self._termination.reason or self._is_paused:
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
        elif self._tools.new_results:
            self._tools.clear_new_results(self._tools.new_results)  # said once, even if the model fails
            self._reply(None)

    def _report_speech(self, utterance: Utterance, ends_ms: int | None) -> None:
        """Report to the floor that the agent is audible, which reply it expects, and when it will end, if known."""
        self._pending.began(utterance)
        asked = self._switch.read_question(utterance.text.strip())
        now, is_last, dictated = self._clock.audio_ms, bool(self._termination.reason), asked.dictated
        said = self.floor.agent_speaking(now, asked.expect, asked.asks, ends_ms, dictated=dictated, is_last=is_last)
        self.apply(said)

    def _on_recognized(self, event: SpeechToTextEvent) -> None:
        if not isinstance(event, SpeechToTextFailed):
            self._evidence.take(event)
        elif not self._termination.reason:
            self._speech.give_up(self.language.phrases.cannot_hear, event.error.provider, can_speak=True)

    def _on_alarm(self, alarm: Alarm) -> None:
        match alarm:
            case Alarm.NUDGE | Alarm.NO_REPLY | Alarm.NO_SOUND if self._is_paused:
                pass
            case Alarm.NUDGE if not self._pending.has_announcements:
                self._emit(events.CallNudged(round(self._clock.now())))
                nudge = FixedText(self.language.phrases.nudge)
                self._speech.say(self._pending.take_greeting() if self._pending.is_greeting_due else nudge)
            case Alarm.SILENCE | Alarm.TOO_LONG:
                self.end("silence" if alarm is Alarm.SILENCE else "max_duration")
            case Alarm.NO_REPLY | Alarm.NO_SOUND:
                self._stop_late_reply(alarm)

    def _stop_late_reply(self, alarm: Alarm) -> None:
        """Handle late words of the agent: the limit of silence is near, or was reached without an apology."""
        is_voice_failing = alarm is Alarm.NO_SOUND or self._agent.says_fixed_text
        self._agent.interrupt()
        self.recognizer.stop_waiting()
        self.turns.commit(is_continued=self.floor.is_overlapped)
        self.apply(self.floor.agent_done(self._clock.audio_ms))
        self._reply_failed("", is_voice_failing=is_voice_failing)

    def _reply_failed(self, provider: str, *, is_voice_failing: bool) -> None:
        """Apologize, or give up. `provider` is the one that failed last; it is empty if the reply was only late."""
        if self._termination.reason:
            self._termination.agent_finished()
        elif self._failures.must_give_up(is_voice_failing=is_voice_failing):
            self._speech.give_up(self.language.phrases.closing, provider, can_speak=not is_voice_failing)
        elif self._pending.has_announcements:
            self._speak_pending()
        else:
            self._speech.say(FixedText(self.language.phrases.apology))


def make_cascade(components: CascadeComponents) -> MakeResponder:
    """Return the factory of a call's responder."""
    return lambda line: Conversation(components, line)
