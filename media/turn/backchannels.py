"""Splits the caller's words and finds words that are only backchannels ("uh-huh")."""

import re

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_LONGEST = 3


def phrase_set(text: str) -> frozenset[str]:
    """Split a list that is separated by bars: "a|b c" becomes a, b c."""
    return frozenset(text.split("|"))


# Words that signal listening, in normalized form. "no" and words that ask for the floor must not be in this list.
_BACKCHANNELS = phrase_set(
    "uh huh|uh uh huh|mm hmm|mm mm|mhm|mhmm|mm|mmm|hmm|hm|uhhuh|um|uh|er|ah|aha|oh|ooh|huh|ok|okay|k|kay|yeah|yea|"
    "yah|yep|yup|ya|yes|right|all right|alright|sure|sure thing|i see|i know|i understand|got it|gotcha|good|great|"
    "cool|nice|fine|perfect|exactly|absolutely|of course|true|that's right|sounds good|makes sense|go on|go ahead|"
    "really|wow|no problem|no worries|you're right|sí|si|claro|vale|ajá|ja|genau|stimmt|oui|d'accord|ouais|certo"
)
# What recognizers write for "yeah", "mhm" and "right" if they recognize nothing else.
_MISHEARD = phrase_set("here|hear|year|ear|her|him|hum|home|yet|white|write|you")
# Words that interrupt the agent at once, regardless of the number of words that an interruption otherwise needs.
_DEMANDS = phrase_set("no|nope|stop|wait|hold on|hang on|actually|excuse me|pardon|sorry|one moment|one second")


def word_list(text: str) -> list[str]:
    """Split a list that is separated by spaces, in its order."""
    return text.split()


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case without punctuation: "Uh-huh, I'm in." becomes uh, huh, i'm, in."""
    return [word.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for word in _WORD.findall(text.lower())]


def without_backchannels(spoken: list[str]) -> list[str]:
    """Return `spoken` (from `split_words`) without the backchannels."""
    rest: list[str] = []
    at = 0
    while at < len(spoken):
        length = _backchannel_length(spoken, at)
        if not length:
            rest.append(spoken[at])
        at += length or 1
    return rest


def is_misheard_backchannel(spoken: list[str]) -> bool:
    """Return whether `spoken` (from `split_words`) is one word that recognizers write for a backchannel."""
    return len(spoken) == 1 and spoken[0] in _MISHEARD


def demands_floor(spoken: list[str]) -> bool:
    """Return whether `spoken` contains a word that asks the agent to stop ("wait", "no", "hold on")."""
    return any(" ".join(spoken[at : at + length]) in _DEMANDS for at in range(len(spoken)) for length in (1, 2))


def _backchannel_length(spoken: list[str], at: int) -> int:
    """Return the number of words of the longest backchannel that begins at `at`, or 0."""
    for length in range(_LONGEST, 0, -1):
        if " ".join(spoken[at : at + length]) in _BACKCHANNELS:
            return length
    return 0
