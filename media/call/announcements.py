"""Announcements that a caller must hear to their end before the agent says anything else."""

from collections import deque
from collections.abc import Callable
from typing import Final

from media.call.recording_consent import RecordingConsent
from media.call.utterance import Utterance
from shared.events import AnnouncementHeard, Event
from shared.plan import AnnouncementKind, CallPlan

# Who is called says "Hello?" first, and would talk over the beginning. After this silence the announcements begin.
CALLEE_WAIT_MS: Final = 2_000.0
# They begin at the latest after this time, also while the callee talks: it may be a machine.
LONGEST_WAIT_MS: Final = 5_000.0


class Announcements:
    """Said one by one, each not interruptible. One that failed is due again; one that was said and whose end no mark
    has shown counts as not heard, and is not repeated. Times are in ms on the call's clock.

    heard: the kinds that were heard to their ends, also in earlier streams of the call.
    """

    def __init__(self, plan: CallPlan, consent: RecordingConsent, emit: Callable[[Event], None], began: float) -> None:
        """began: when the stream began."""
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
        """Whether an announcement is still to be said, or is being said."""
        return bool(self._due)

    def next_text(self, now: float, *, is_caller_heard: bool) -> str:
        """The announcement that is to be said now; empty for none yet. is_caller_heard: the caller speaks."""
        if not self._due:
            return ""
        if self._waits_since is not None:
            longest = LONGEST_WAIT_MS if is_caller_heard else CALLEE_WAIT_MS
            if now - self._waits_since < longest:
                return ""
            self._waits_since = None
        return self._due[0][1]

    def began(self, utterance: Utterance) -> None:
        """What `next_text` returned is said by this utterance."""
        self._utterance = utterance
        if self._due[0][0] == "recording":
            self._consent.asked()

    def is_said_by(self, utterance: Utterance) -> bool:
        """Whether this utterance says an announcement now."""
        return utterance is self._utterance

    def callee_spoke(self) -> None:
        """The other side has spoken, so that nothing is waited for any more."""
        self._waits_since = None

    def finished(self, utterance: Utterance, now: float, *, is_proven: bool) -> None:
        """An utterance was played to its end. is_proven: a mark has shown it."""
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
        """This announcement has become needless."""
        self._due = deque(one for one in self._due if one[0] != kind)


def _texts(plan: CallPlan) -> tuple[tuple[AnnouncementKind, str], ...]:
    return ("disclosure", plan.disclosure), ("recording", plan.consent.announcement if plan.consent else "")
