"""How an agent's words are said, and which words its callers are expected to say."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StringConstraints

from control.agents.config_part import ConfigPart
from shared.ipa import LONGEST_IPA, SIGNS, split_signs
from shared.plan import LONGEST_KEYTERM, MOST_PRONUNCIATIONS

MOST_KEYTERMS: Final = 50
# Of the contact, behind the agent's own.
_CONTACT_NAMES: Final = ("contact_name", "contact_company")
_ONE_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"


def _without_blanks(given: Any) -> Any:
    """Nothing for blanks alone, which voices would be told in place of the word."""
    return "" if isinstance(given, str) and not given.strip() else given


def _read_ipa(given: Any) -> Any:
    return split_signs(_without_blanks(given)) if isinstance(given, str) else given


class PronunciationEntry(ConfigPart):
    """How one word sounds."""

    word: str = Field(
        min_length=1, max_length=60, pattern=r"^\S+$", description="The word as it is written.", examples=["Nguyen"]
    )
    # Both are left out where they are empty: programs of the version before refuse the one, and an empty other.
    say: Annotated[str, BeforeValidator(_without_blanks)] = Field(
        default="",
        max_length=120,
        pattern=_ONE_LINE,
        exclude_if=operator.not_,
        description="How it sounds.",
        examples=["win"],
    )
    ipa: Annotated[str, BeforeValidator(_read_ipa)] = Field(
        default="",
        max_length=LONGEST_IPA,
        pattern=rf"^[{SIGNS}]*$",
        exclude_if=operator.not_,
        description="The same in IPA.",
        examples=["ˈwɪn"],  # noqa: RUF001
    )


def require_one_each(entries: list[PronunciationEntry]) -> list[PronunciationEntry]:
    """Raises ValueError where a word has two pronunciations, or none."""
    words = [entry.word.casefold() for entry in entries]
    twice = next((entry.word for entry in entries if words.count(entry.word.casefold()) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} has two pronunciations")
    blank = next((entry.word for entry in entries if not (entry.say or entry.ipa)), None)
    if blank is not None:
        raise ValueError(f"the pronunciation of {blank!r} is blank")
    return entries


def require_words(keyterms: list[str]) -> list[str]:
    """Raises ValueError for a blank one."""
    if not all(term.strip() for term in keyterms):
        raise ValueError("a keyterm is blank")
    return keyterms


Keyterm = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_KEYTERM, pattern=_ONE_LINE)]


def plan_speech(
    pronunciations: Sequence[PronunciationEntry], keyterms: Sequence[str], contact: Mapping[str, str]
) -> dict[str, Any]:
    """The plan's field `speech`, left out where there is nothing to say: nodes of the version before refuse it.
    contact: the values that tell whose the customer's number is."""
    names = (contact.get(name, "").strip() for name in _CONTACT_NAMES)
    expected = [*keyterms, *(name for name in names if 0 < len(name) <= LONGEST_KEYTERM)] if keyterms else []
    speech = {
        "pronunciations": [entry.model_dump() for entry in pronunciations[:MOST_PRONUNCIATIONS]],
        "keyterms": list(dict.fromkeys(expected)),
    }
    filled = {name: value for name, value in speech.items() if value}
    return {"speech": filled} if filled else {}
