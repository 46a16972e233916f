"""The agent's side of a call: runs one utterance at a time and records what the caller heard."""

import asyncio
from typing import Protocol

from media.audio.mulaw import BYTES_PER_MS
from media.call.answer_latency import AnswerLatency, TurnTimes
from media.call.caller_turns import CallerTurns
from media.call.prepared_answer import PreparedAnswer
from media.call.reply import Reply
from media.call.reply_services import ReplyServices
from media.call.utterance import Utterance
from media.providers.ports import ProviderError
from shared.events import AgentSaid
from shared.refcycles import break_cycle


class AgentListener(Protocol):
    """The agent's reports to the conversation."""

    def agent_audible(self, utterance: Utterance) -> None:
        """Called when the utterance's first audio was sent to the caller."""

    def agent_length_known(self, utterance: Utterance, left_ms: float) -> None:
        """Called when the utterance has all its audio, of which `left_ms` are still to be heard."""

    def agent_heard(self) -> None:
        """Report the turn that the utterance answers. Called before words of the utterance that were heard are
        reported.
        """

    def agent_finished(self, utterance: Utterance) -> None:
        """Called when the utterance was heard to its end."""

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        """Handle an utterance that could not be finished. The part that was heard stays in the transcript."""

    def agent_crashed(self, error: BaseException) -> None:
        """Handle an internal error, after which the call cannot continue."""


class Agent:
    """Runs replies and records what was heard. Every method but `close` returns at once."""

    __slots__ = (
        "__weakref__", "_audible_at", "_closed", "_filler", "_is_settled", "_latency", "_listener", "_prepared",
        "_reply", "_services", "_task", "_tasks",
    )  # fmt: skip

    def __init__(self, services: ReplyServices, listener: AgentListener) -> None:
        self._services = services
        self._listener = listener
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # including cancelled tasks that are still closing
        self._closed = False
        self._audible_at: float | None = None
        self._is_settled = False  # whether the utterance can no longer be withdrawn
        self._prepared: PreparedAnswer | None = None  # for a turn that may not be over
        self._filler: Utterance | None = None  # a filler without a reply, which the next reply takes over
        self._latency = AnswerLatency(services.emit)

    @property
    def is_busy(self) -> bool:
        """Whether an utterance is being prepared or heard."""
        return self._reply is not None

    @property
    def is_audible(self) -> bool:
        """Whether the utterance's audio has begun to go to the caller."""
        return self._reply is not None and self._audible_at is not None

    @property
    def is_answering(self) -> bool:
        """Whether an answer of the model is audible."""
        return self.is_audible and self._reply is not None and self._reply.utterance.is_answer

    @property
    def is_thinking(self) -> bool:
        """Whether an answer of the model is being prepared and not audible yet."""
        return self._reply is not None and self._audible_at is None and self._reply.utterance.is_answer

    @property
    def says_fixed_text(self) -> bool:
        """Whether the utterance needs only the voice."""
        return self._reply is not None and not self._reply.utterance.is_answer

    @property
    def silenced_at(self) -> float:
        """When the agent was last silenced, in ms on the call's clock."""
        return self._services.playback.silenced_at

    @property
    def is_made(self) -> bool:
        """Whether the utterance has all its audio, and only has to be played."""
        return self._reply is not None and self._task is not None and self._task.done()

    @property
    def is_interruptible(self) -> bool:
        """Whether the caller may interrupt what is being said, if anything."""
        return self._reply is None or self._reply.utterance.interruptible

    @property
    def is_waiting(self) -> bool:
        """Whether the utterance waits for a tool."""
        return self._reply is not None and self._reply.is_waiting

    @property
    def owes_answer(self) -> bool:
        """Whether the utterance's latest words are a filler or precede a tool, so that its answer is still due."""
        return self._reply is not None and self._reply.owes_answer

    def fill(self, words: str) -> None:
        """Say these words while the utterance waits for a tool."""
        if self._reply is not None:
            self._reply.fill(words)

    def end_waiting(self) -> None:
        """Conclude an utterance whose words were all heard and that waits for a tool. The tool continues."""
        if self._reply is None or not self.is_waiting:
            return
        if self._task:
            self._task.cancel()
        self._reply.utterance.complete = True
        self._conclude(interrupted=False)

    def fill_silence(self, words: str, audio: bytes, turn: int) -> None:
        """Say words at once that belong to no answer, because the utterance is late or has not begun."""
        if self._closed:
            return
        now = self._services.clock()
        if self._reply is None and self._filler is None:
            self._filler = Utterance(turn)
            self._services.playback.begin(self._filler, now)
        self._services.playback.insert(words, audio, now)

    def caller_started(self) -> None:
        """Drop a filler without a reply and a prepared answer, because the caller speaks."""
        self._drop_prepared()
        if self._filler is not None:
            self._services.playback.drop(self._services.clock())
            self._end_filler()

    def say(self, text: str, turn: int, *, in_transcript: bool = True, interruptible: bool = True) -> Utterance:
        """Speak a fixed text and return its utterance. With `in_transcript=False` the model does not see the text."""
        return self._begin(Utterance(turn, interruptible=interruptible), text, None, in_transcript=in_transcript)

    def prepare(self, text: str, turns: CallerTurns, language: str) -> None:
        """Let the model answer as if the caller's turn ended with this text.

        The answer is not heard, has no effect and is not in the transcript until `answer` makes the same request to the
        model.

        Args:
            language: The language of the answer (BCP 47).
        """
        self._drop_prepared()
        if self._closed or self._reply is not None:
            return
        services = self._services
        request = services.request(turns.preview(text, services.context.describe_now(language)), language)
        services.usage.llm_requests += 1
        self._prepared = PreparedAnswer(services.llm, services.tts, request)
        self._tasks.add(self._prepared.task)
        self._prepared.task.add_done_callback(self._on_task_done)

    def answer(self, turn: int, times: TurnTimes | None) -> None:
        """Let the model answer the conversation so far. `times` is None if it does not answer a turn of the caller."""
        self._begin(Utterance(turn, is_answer=True), None, times, prepared=self._take_prepared())

    def hold(self) -> None:
        """Silence the agent at once. `resume` may follow."""
        if self._reply:
            self._services.playback.hold(self._services.clock())

    def lower(self, *, is_early: bool = False) -> None:
        """Lower the agent's volume for a moment; with `is_early` further, because its words have just begun."""
        if self._reply:
            self._services.playback.lower(self._services.clock(), is_early=is_early)

    def resume(self) -> None:
        """Continue after a false interruption."""
        if self._reply is None:
            return
        self._services.playback.resume(self._services.clock())
        self.go_on()

    def go_on(self) -> None:
        """Record that the playback has continued with the utterance, if there is an utterance."""
        if self._reply is None:
            return
        if self._reply.utterance.speech_at is not None:
            self.on_audio_sent()
        self.check_finished()

    @property
    def may_be_withdrawn(self) -> bool:
        """Whether the utterance is an answer that has called no tool, so that nothing has happened that it must
        report."""
        return self.is_answering and self._reply is not None and not self._reply.has_called_tools

    def interrupt(self, *, withdraws: bool = False) -> None:
        """End the utterance at the word that was heard, because the caller has the floor.

        Args:
            withdraws: The utterance counts as not said at all, because it had only just begun.
        """
        if self._reply is None:
            return
        if self._task:
            self._task.cancel()
        self._reply.drop_prepared()
        self._services.playback.drop(self._services.clock())
        self._conclude(interrupted=True, is_withdrawn=withdraws)

    def on_audio_sent(self) -> None:
        """Handle audio of the utterance that was sent to the caller."""
        reply = self._reply
        if reply is None or self._audible_at is not None or self._services.playback.held:
            return
        now = self._services.clock()
        before_ms = (reply.utterance.speech_at or 0.0) - self._services.playback.heard_ms(now)
        self._audible_at = now = now + max(0.0, before_ms)  # a filler may sound first
        self._listener.agent_audible(reply.utterance)
        if self._reply is not reply:
            return  # the floor was not free, so the listener has interrupted the utterance
        self._report_length()

    def settle(self) -> None:
        """Record that the caller's turn can no longer change, so the utterance is its answer."""
        self._is_settled = True
        self.check_finished()

    def check_finished(self) -> None:
        """Conclude the utterance once it was heard to its end, and report its latency once a mark shows it."""
        if self._filler is not None and self._services.playback.silent(self._services.clock()):
            self._end_filler()
        if self._reply is not None and self._is_settled:
            self._latency.report(self._reply.times, self._services.playback.sounded_at)
        if self._reply is None or (self._task and not self._task.done()):
            return
        if self._services.playback.finished(self._services.clock()):
            utterance = self._reply.utterance
            self._conclude(interrupted=False)
            self._listener.agent_finished(utterance)

    async def close(self) -> None:
        """Stop everything at the end of the call. Nothing is said after that."""
        self._closed = True
        self.interrupt()
        self.caller_started()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._task = None
        break_cycle(self, "_services", "_listener")

    def _begin(
        self,
        utterance: Utterance,
        fixed: str | None,
        times: TurnTimes | None,
        *,
        in_transcript: bool = True,
        prepared: PreparedAnswer | None = None,
    ) -> Utterance:
        self._drop_prepared()
        self.interrupt()
        if self._closed:
            return utterance
        self._audible_at = None
        self._is_settled = False
        self._latency.begin(utterance.turn, times)
        utterance = self._continue_filler(utterance)
        self._reply = Reply(self._services, utterance, self.on_audio_sent, fixed, in_transcript, prepared)
        self._task = asyncio.create_task(self._reply.run())
        self._tasks.add(self._task)
        self._task.add_done_callback(self._on_task_done)
        return utterance

    def _take_prepared(self) -> PreparedAnswer | None:
        """Return the prepared answer if the model would get the same request now, and no provider has failed."""
        prepared = self._prepared
        if prepared is None or prepared.has_failed or prepared.request != self._services.current_request():
            return None
        self._prepared = None
        self._services.on_prepared_over(True)
        return prepared

    def _drop_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.drop()
            self._services.on_prepared_over(False)
            self._services.usage.tts_ms += prepared.audio_bytes / BYTES_PER_MS

    def _continue_filler(self, utterance: Utterance) -> Utterance:
        """Begin the utterance, after the filler that sounds, if there is one."""
        filler, self._filler = self._filler, None
        if filler is None:
            self._services.playback.begin(utterance, self._services.clock())
            return utterance
        filler.turn, filler.is_answer, filler.text = utterance.turn, utterance.is_answer, ""
        filler.interruptible = utterance.interruptible
        filler.words.clear()
        return filler

    def _end_filler(self) -> None:
        if self._filler is not None:
            self._account_heard(self._filler)
            self._filler = None

    def _account_heard(self, utterance: Utterance) -> None:
        """Add up the audio that was heard, and report what was heard of the utterance's fillers."""
        heard_ms = self._services.playback.heard_ms(self._services.clock())
        self._services.usage.heard_ms += heard_ms
        for insertion in utterance.insertions:
            if heard := insertion.heard_text(heard_ms):
                is_whole = heard == insertion.text
                length_ms = min(heard_ms, insertion.end_ms) - insertion.start_ms
                said = AgentSaid(
                    utterance.turn, heard, round(insertion.began), round(insertion.began + length_ms), not is_whole
                )
                self._services.emit(said)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ProviderError):
            self._listener.agent_crashed(error)
        elif task is self._task and not task.cancelled():
            self._on_made(error)

    def _on_made(self, error: ProviderError | None) -> None:
        """Handle the end of the synthesis: all audio was received, or every provider failed.

        Failures of an interrupted reply do not count.
        """
        if self._reply is None:
            return
        utterance = self._reply.utterance
        if error is not None:
            self._fail(utterance)
            self._listener.agent_failed(utterance, error)
        else:
            self._report_length()
            self.check_finished()

    def _fail(self, utterance: Utterance) -> None:
        """End the utterance that failed. If only a filler was heard, the apology follows it."""
        if utterance.insertions and utterance.speech_at is None and not self._services.playback.held:
            self._filler = utterance
            self._conclude(interrupted=False)
        else:
            self._services.playback.drop(self._services.clock())
            self._conclude(interrupted=True)

    def _report_length(self) -> None:
        if self._reply and self.is_audible and self._task and self._task.done():
            left_ms = self._services.playback.left_ms(self._services.clock())
            self._listener.agent_length_known(self._reply.utterance, left_ms)

    def _conclude(self, *, interrupted: bool, is_withdrawn: bool = False) -> None:
        reply, now = self._reply, self._services.clock()
        if reply is None:
            return
        self._reply = None
        playback, utterance = self._services.playback, reply.utterance
        sounded_at = playback.settle_sound(now)
        if not is_withdrawn:
            self._latency.report(reply.times, sounded_at)
        heard = "" if is_withdrawn else playback.heard_text(now)
        reply.cut(heard)
        if utterance is not self._filler:
            self._account_heard(utterance)
        if heard and self._audible_at is not None:
            self._listener.agent_heard()
            if said := playback.describe_words(self._audible_at, now, is_interrupted=interrupted):
                self._services.emit(said)
