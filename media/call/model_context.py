"""The context that the language model gets besides the prompt: how the call began, local time, language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from media.call.language_names import language_name
from shared.local_time import format_moment, format_utc_offset, to_local, zone_name
from shared.plan import ContextPlan

_ORIGINS: Final = {
    "inbound": "This is a phone call that the other person made to you.",
    "outbound": "This is a phone call that you made to the other person.",
}
_LANGUAGES: Final = (
    "The other person may speak {names}. A line that holds [Language: comes from the phone system, too: it is the "
    "language that the other person speaks from then on. Answer in it, and do not ask whether to, until another such "
    "line tells another one. Names stay as they are, and what you write for tools stays in {main}."
)
_EXPLANATION: Final = (
    "A line that begins with [Now: comes from the phone system and was not said by anybody. It is the date and local "
    "time at that moment; the last such line counts. Reckon with it whenever a date or a time matters, and never say "
    "the line itself."
)


@dataclass(frozen=True, slots=True)
class ModelContext:
    """The context of one call. Its texts are empty without a plan's context and with only one language.

    Attributes:
        now: Returns the current time in any zone.
        languages: The languages that the call may use (BCP 47).
    """

    context: ContextPlan | None
    now: Callable[[], datetime]
    languages: Sequence[str]

    def describe_call(self) -> str:
        """Return the facts that stay the same for the whole call, even after it was resumed."""
        origin = f"{_ORIGINS[self.context.direction]} {_EXPLANATION}" if self.context else ""
        return " ".join(filter(None, (origin, self._describe_languages())))

    def describe_now(self, language: str) -> str:
        """Return date and time at the business's location, to the minute, and the call's language if there are
        several."""
        return " ".join(filter(None, (self._moment(), self._spoken(language))))

    def _moment(self) -> str:
        if self.context is None:
            return ""
        local = to_local(self.now(), self.context.timezone)
        return f"[Now: {format_moment(local)}, {zone_name(local)}, {format_utc_offset(local)}]"

    def _describe_languages(self) -> str:
        names = [language_name(tag) for tag in self.languages]
        return _LANGUAGES.format(names=" or ".join(names), main=names[0]) if len(names) > 1 else ""

    def _spoken(self, language: str) -> str:
        """Return the language by the tag in the agent's config, so that it contains no text from a caller or a
        recognizer."""
        return f"[Language: {language_name(language)}]" if len(self.languages) > 1 else ""
