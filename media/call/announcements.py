"""Announcements that a caller must hear to their end before the agent says anything else."""

from collections import deque
from collections.abc import Callable
from typing import Final

from media.call.recording_consent import RecordingConsent
from media.call.utterance import Utterance
from shared.events import AnnouncementHeard, Event
from shared.plan import AnnouncementKind, CallPlan

# A called person says "Hello?" first, and would talk over the beginning. The announcements begin after this silence.
CALLEE_WAIT_MS: Final = 2_000.0
# They begin after this time even if the callee talks, because it may be an answering machine.
LONGEST_WAIT_MS: Final = 5_000.0


class Announcements:
    """Announcements that are said in sequence and cannot be interrupted. Times are in ms on the call's clock.

    An announcement that failed is said again. An announcement whose end no mark has confirmed counts as not heard, and
    is not repeated.

    Attributes:
        heard: The kinds that were heard to their ends, including earlier streams of the call.
    """

    def __init__(self, plan: CallPlan, consent: RecordingConsent, emit: Callable[[Event], None], began: float) -> None:
        """Create the announcements of a call whose stream began at `began`."""
        self._consent, self._emit = consent, emit
        self.heard: tuple[str, ...] = plan.resume.announced if plan.resume else ()
        self._due = deque(text for text in _texts(plan) if text[1].strip() and text[0] not in self.heard)
        if consent.is_refused:
            self.drop("recording")
        is_outbound = plan.context is not None and plan.context.direction == "outbound"
        self._waits_since = began if is_outbound and plan.resume is None else None
        self._utterance: Utterance | None = None

    @property
    def are_due(self) -> bool:
        """Whether an announcement has not been said to its end yet."""
        return bool(self._due)

    def next_text(self, now: float, *, is_caller_heard: bool) -> str:
        """Return the announcement to say now, or an empty text. `is_caller_heard` means that the caller speaks."""
        if not self._due:
            return ""
        if self._waits_since is not None:
            longest = LONGEST_WAIT_MS if is_caller_heard else CALLEE_WAIT_MS
            if now - self._waits_since < longest:
                return ""
            self._waits_since = None
        return self._due[0][1]

    def began(self, utterance: Utterance) -> None:
        """Record that this utterance speaks the text that `next_text` returned."""
        self._utterance = utterance
        if self._due[0][0] == "recording":
            self._consent.asked()

    def is_said_by(self, utterance: Utterance) -> bool:
        """Return whether this utterance is the current announcement."""
        return utterance is self._utterance

    def callee_spoke(self) -> None:
        """Record that the other side has spoken. The announcements no longer wait for its first words."""
        self._waits_since = None

    def finished(self, utterance: Utterance, now: float, *, is_proven: bool) -> None:
        """Record that an utterance was played to its end. `is_proven` means that a mark has confirmed the end."""
        if utterance is not self._utterance:
            return
        self._utterance = None
        kind, _ = self._due.popleft()
        if not is_proven:
            return
        self.heard = (*self.heard, kind)
        self._emit(AnnouncementHeard(round(now), kind))
        if kind == "recording":
            self._consent.given(now)

    def drop(self, kind: AnnouncementKind) -> None:
        """Remove an announcement that is no longer needed."""
        self._due = deque(announcement for announcement in self._due if announcement[0] != kind)


def _texts(plan: CallPlan) -> tuple[tuple[AnnouncementKind, str], ...]:
    return ("disclosure", plan.disclosure), ("recording", plan.consent.announcement if plan.consent else "")
