"""Tracks whether a call may be recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from shared.events import Event, RecordingRefused
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class ConsentState:
    """Whether a call's audio may be kept.

    Attributes:
        consent: `awaited` until the announcement was heard.
        is_paused: Keys are pressed that may be a card number or a PIN, so readers that keep audio must leave out both
            sides.
    """

    consent: Literal["awaited", "given", "refused"]
    is_paused: bool = False


# Called with a state and the time since which it holds, in ms on the call's clock.
ConsentReader = Callable[[ConsentState, float], None]


class RecordingConsent:
    """Notifies the readers that keep the call's audio whether they may.

    Control begins and ends the carrier's recording, following the events.

    Attributes:
        state: The present state.
        is_asked: The announcement was begun and no answer of the model was heard since, so that a short "no" refers to
            it.
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
        """Call the reader with the present state, and with each later one."""
        self._readers = (*self._readers, read)
        read(self.state, now)

    def unfollow(self, read: ConsentReader) -> None:
        """Remove a reader. Unknown readers are ignored."""
        self._readers = tuple(other for other in self._readers if other != read)

    def asked(self) -> None:
        """Record that the announcement begins."""
        self.is_asked = True

    def answered(self) -> None:
        """Record that the caller has heard an answer to something else."""
        self.is_asked = False

    def given(self, now: float) -> None:
        """Allow the recording of the call from now on."""
        if not self.is_refused:
            self._change(replace(self.state, consent="given"), now)

    def set_paused(self, why: str, is_paused: bool, now: float) -> None:
        """Record nothing while keys sound that may be a card number or a PIN.

        Args:
            why: Identifies the pause. Several pauses at once end separately.
        """
        self._pauses = self._pauses | {why} if is_paused else self._pauses - {why}
        self._change(replace(self.state, is_paused=bool(self._pauses)), now)

    def refuse(self, now: float, by: Literal["words", "key"]) -> bool:
        """Refuse the recording for the caller, so that what was recorded is deleted.

        Returns False if nothing was announced, or the caller has already refused.
        """
        if not self._is_by_announcement or self.is_refused:
            return False
        self._change(replace(self.state, consent="refused"), now)
        self._emit(RecordingRefused(round(now), by))
        return True

    def close(self) -> None:
        """Remove all readers at the end of the call."""
        self._readers = ()

    def _change(self, state: ConsentState, now: float) -> None:
        if state != self.state:
            self.state = state
            for read in self._readers:
                read(state, now)
