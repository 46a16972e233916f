"""Tracks whether a call may be recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from shared.events import Event, RecordingRefused
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class ConsentState:
    """consent: `awaited` until the announcement was heard. is_paused: keys are pressed that may be a card number or a
    PIN: whoever keeps audio leaves both sides out."""

    consent: Literal["awaited", "given", "refused"]
    is_paused: bool = False


# Called with a state and since when it holds, in ms on the call's clock.
ConsentReader = Callable[[ConsentState, float], None]


class RecordingConsent:
    """Tells those who keep the call's audio whether they may. The carrier's recording is begun and ended by control,
    which reads the events.

    state: as it is now. is_asked: the announcement was begun, and no answer of the model was heard since, so that a
    short "no" refers to it.
    """

    def __init__(self, plan: CallPlan, emit: Callable[[Event], None]) -> None:
        self._is_by_announcement = plan.consent is not None
        self._emit = emit
        self._readers: tuple[ConsentReader, ...] = ()
        self._pauses: frozenset[str] = frozenset()
        self.is_asked = False
        is_refused = plan.resume is not None and plan.resume.recording_refused
        is_announced = plan.resume is not None and "recording" in plan.resume.announced
        is_given = plan.consent is None or is_announced
        self.state = ConsentState("refused" if is_refused else "given" if is_given else "awaited")

    @property
    def is_refused(self) -> bool:
        """Whether the caller does not want to be recorded."""
        return self.state.consent == "refused"

    def follow(self, read: ConsentReader, now: float) -> None:
        """Calls the reader with the present state, and with each that follows."""
        self._readers = (*self._readers, read)
        read(self.state, now)

    def unfollow(self, read: ConsentReader) -> None:
        """Removes a reader; one that is not there is ignored."""
        self._readers = tuple(other for other in self._readers if other != read)

    def asked(self) -> None:
        """The announcement begins."""
        self.is_asked = True

    def answered(self) -> None:
        """The caller has heard an answer to something else."""
        self.is_asked = False

    def given(self, now: float) -> None:
        """The call may be recorded from now on."""
        if not self.is_refused:
            self._change(replace(self.state, consent="given"), now)

    def set_paused(self, why: str, is_paused: bool, now: float) -> None:
        """While keys sound that may be a card number or a PIN, nothing is recorded. why: of several at once, each ends
        its own pause."""
        self._pauses = self._pauses | {why} if is_paused else self._pauses - {why}
        self._change(replace(self.state, is_paused=bool(self._pauses)), now)

    def refuse(self, now: float, by: Literal["words", "key"]) -> bool:
        """The caller does not want to be recorded: what was recorded is deleted. False where nothing was announced, or
        the caller has said so before."""
        if not self._is_by_announcement or self.is_refused:
            return False
        self._change(replace(self.state, consent="refused"), now)
        self._emit(RecordingRefused(round(now), by))
        return True

    def close(self) -> None:
        """Removes all readers, at the end of the call."""
        self._readers = ()

    def _change(self, state: ConsentState, now: float) -> None:
        if state != self.state:
            self.state = state
            for read in self._readers:
                read(state, now)
