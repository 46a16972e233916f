"""Whether a call may be recorded: from its beginning, from the end of an announcement, or no more."""

from collections.abc import Callable
from typing import Literal

from media.call.call_recording import CallRecording
from shared.events import Event, RecordingRefused
from shared.plan import CallPlan


class RecordingConsent:
    """Begins and discards media's recording. The carrier's is begun and ended by control, which reads the events.

    is_refused: the caller does not want to be recorded. is_asked: the announcement was begun, and no answer of the
    model was heard since, so that a short "no" refers to it.
    """

    def __init__(self, plan: CallPlan, recording: CallRecording | None, emit: Callable[[Event], None]) -> None:
        """recording: media's own; None: it makes none."""
        self._is_by_announcement = plan.consent is not None
        self._recording, self._emit = recording, emit
        self.is_refused = plan.resume is not None and plan.resume.recording_refused
        self.is_asked = False
        is_announced = plan.resume is not None and "recording" in plan.resume.announced
        if recording is not None and not self.is_refused and (plan.consent is None or is_announced):
            recording.begin()

    def asked(self) -> None:
        """The announcement begins."""
        self.is_asked = True

    def answered(self) -> None:
        """The caller has heard an answer to something else."""
        self.is_asked = False

    def given(self, now: float) -> None:
        """The call may be recorded from now on. now: in ms on the call's clock."""
        if self._recording is not None and not self.is_refused:
            self._recording.begin_at(now)

    def set_paused(self, is_paused: bool, now: float) -> None:
        """While the caller presses keys for a tool, nothing is recorded: they may be a card number or a PIN."""
        if self._recording is not None:
            (self._recording.pause if is_paused else self._recording.resume)(now)

    def refuse(self, now: float, by: Literal["words", "key"]) -> bool:
        """The caller does not want to be recorded: what was recorded is deleted. False where nothing was announced, or
        the caller has said so before."""
        if not self._is_by_announcement or self.is_refused:
            return False
        self.is_refused = True
        if self._recording is not None:
            self._recording.discard()
        self._emit(RecordingRefused(round(now), by))
        return True
