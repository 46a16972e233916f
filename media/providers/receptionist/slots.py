"""Finds a day and a time in the caller's words."""

import re
from dataclasses import dataclass
from typing import Final

from media.providers.english import MONTHS, WEEKDAYS, word_list

_NUMBERS: Final = word_list("one two three four five six seven eight nine ten eleven twelve")
_AT_WORDS: Final = (*_NUMBERS, *word_list("half quarter a noon midday lunchtime"))
_ORDINALS: Final = word_list(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth"
)
_NUMBER: Final = f"(?:{'|'.join(_NUMBERS)})"
_ORDINAL: Final = rf"(?:(?:twenty |thirty )?(?:{'|'.join(_ORDINALS)})|\d{{1,2}}(?:st|nd|rd|th))"
_MONTH: Final = f"(?:{'|'.join(MONTHS)})"
_WEEKDAY: Final = rf"(?:{'|'.join(WEEKDAYS)})"
_DAY: Final = re.compile(
    rf"\b(?:(?:next |this |on |coming )?{_WEEKDAY}(?: next week| (?:the )?{_ORDINAL}(?: of {_MONTH})?)?"
    rf"|the day after tomorrow|day after tomorrow|tomorrow|tonight|today|next week|this week"
    rf"|{_MONTH} (?:the )?(?:{_ORDINAL}|\d{{1,2}})|(?:the )?{_ORDINAL} (?:of )?{_MONTH}"
    rf"|the {_ORDINAL}(?! (?:available|free|possible|one|slot|time|appointment|thing)))\b"
)
_PART: Final = r"(?:in the |this )?(?:morning|afternoon|evening)"
_HOUR: Final = (
    rf"(?:\d{{1,2}}(?:[ :.]\d\d)?|{_NUMBER}(?: (?:oh )?(?:{_NUMBER}|fifteen|twenty|thirty|forty|forty five|fifty))?)"
)
_EXACT: Final = re.compile(
    rf"\b(?:(?:half past|quarter past|quarter to|a quarter past|a quarter to) {_HOUR}(?: (?:am|pm|{_PART}))?"
    rf"|(?:at |around |about |by )?{_HOUR} ?(?:am|pm|o'clock|{_PART})(?: {_PART})?"
    rf"|(?:at|around|about|by|after|before) {_HOUR}|(?:at |around |about |before |after )?(?:noon|midday|lunchtime))\b"
)
_LOOSE: Final = re.compile(rf"\b(?:{_PART}|any ?time|as (?:soon|early|late) as possible)\b")
_BARE: Final = re.compile(
    rf"^(?:(?:um|uh|maybe|let's say|say|how about|okay|yes) )*({_HOUR})(?: (?:please|is fine|works))*$"
)


@dataclass(frozen=True, slots=True)
class AppointmentSlots:
    """Day and time of the appointment as phrases ("on Tuesday", "at three pm"). Empty while they are unknown."""

    day: str = ""
    time: str = ""

    def updated_with(self, other: "AppointmentSlots") -> "AppointmentSlots":
        """Return the slots, updated with the slots that `other` has."""
        return AppointmentSlots(other.day or self.day, other.time or self.time)


def find_slots(line: str, *, time_asked: bool = False) -> AppointmentSlots:
    """Return the day and the time in a line of lower-case words.

    Args:
        time_asked: The caller was asked for a time, so a number alone is a time.
    """
    day = _DAY.search(line)
    rest = _DAY.sub(" , ", line)
    time = _EXACT.search(rest) or _LOOSE.search(rest)
    bare = _BARE.match(rest.strip()) if time_asked and not time else None
    found = time.group() if time else bare.group(1) if bare else ""
    return AppointmentSlots(_day(day.group()) if day else "", _time(found))


def _day(words: str) -> str:
    words = words.removeprefix("on ").removeprefix("coming ")
    spoken = " ".join(word.capitalize() if word in (*WEEKDAYS, *MONTHS) else word for word in words.split())
    first = words.split()[0]
    if first in WEEKDAYS or first in MONTHS or re.match(_ORDINAL, first):
        return f"on {spoken}"
    return f"on {spoken}" if re.match(rf"the {_ORDINAL}", words) else spoken


def _time(words: str) -> str:
    if not words:
        return ""
    if words.split()[0] in ("morning", "afternoon", "evening"):
        return f"in the {words}"
    needs_at = words[0].isdigit() or words.split()[0] in _AT_WORDS
    return f"at {words}" if needs_at else words
