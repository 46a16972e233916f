"""Extracts the name of the business and the facts, sentence by sentence, from an agent's prompt."""

import re
from dataclasses import dataclass
from typing import Final

# Further facts of a prompt are ignored. The receptionist is designed for a page of facts.
MAX_FACTS: Final = 2_000

# Facts follow this heading; the text before it is only for the agent.
_HEADING: Final = re.compile(r"^[ \t#*]*facts:[ \t*]*$", re.IGNORECASE | re.MULTILINE)
_BULLET: Final = re.compile(r"^\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+")
_SENTENCE: Final = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|Ave|Blvd|Rd|No|approx|ext|[A-Z])\.$", re.IGNORECASE
)
_DAY_HALF: Final = re.compile(r"\d\s*[ap]\.m\.$")
_INSTRUCTION: Final = re.compile(
    r"^(?:you(?:'re| are| answer| speak| help| must| should| will| work| never| always)\b"
    r"|your (?:name|job|task|role|goal|tone)\b|always\b|never\b|do not\b|don't\b"
    r"|be (?:\w+ )?(?:brief|short|polite|friendly|concise|kind|warm|helpful)\b"
    r"|keep (?:it|your|answers|replies|every)\b|(?:only )?(?:answer|reply|respond|speak|greet|say|remember|make sure)\b"
    r"|(?:if|when) (?:the|a|an|someone|somebody|callers?|they|people)\b.*\b(?:ask|transfer|tell|say|take|offer|hand)\b"
    r"|take (?:a )?messages?\b|ask (?:the|for|callers?)\b|offer (?:to|the)\b)",
    re.IGNORECASE,
)
_REFERS_BACK: Final = re.compile(r"^(?:it|they|this|that|these|those|he|she|there it|both|otherwise)\b", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"\b(?:receptionist|front desk|reception|assistant|agent|concierge|operator)\b[^.\n]*?\b(?:of|for|at)\s+(?:the\s+)?"
    r"(?P<name>[A-Z][^.,;:\n]*)"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of the prompt.

    Attributes:
        sentence: The spoken sentence.
        search_text: The text that is compared with a question. It includes the question of a Q and A pair.
    """

    sentence: str
    search_text: str


def extract_facts(prompt: str) -> list[Fact]:
    """Return every sentence that states something, in order, without headings and instructions to the agent.

    If the prompt has a line "Facts:", only the text after it contains facts.
    """
    facts: list[Fact] = []
    question = ""
    for line in _HEADING.split(prompt, maxsplit=1)[-1].splitlines():
        line = _BULLET.sub("", line).replace("**", "").strip()
        if line[:2].lower() == "q:":
            question = line[2:].strip()
        elif question and line[:2].lower() == "a:":
            facts.append(Fact(line[2:].strip(), f"{question} {line[2:]}"))
            question = ""
        elif not line.startswith("#") and not line.endswith(":"):
            _add(facts, line)
    return [fact for fact in facts if any(map(str.isalnum, fact.sentence))][:MAX_FACTS]


def extract_business_name(prompt: str) -> str:
    """Return the name of the business, as in "You are the receptionist of Bright Smile Dental", or "" if the prompt has
    none."""
    match = _NAMED.search(prompt)
    return re.split(r"\s+(?:in|who|which|and|where|that)\s", match["name"])[0].strip()[:80] if match else ""


def _add(facts: list[Fact], line: str) -> None:
    """Add the sentences of one line. A sentence that refers back ("It is free.") is joined to the previous fact."""
    first = len(facts)
    for sentence in _sentences(line):
        if _INSTRUCTION.match(sentence):
            continue
        if _REFERS_BACK.match(sentence) and len(facts) > first:
            sentences = f"{facts[-1].sentence} {sentence}"
            facts[-1] = Fact(sentences, sentences)
        else:
            facts.append(Fact(sentence, sentence))


def _sentences(line: str) -> list[str]:
    sentences: list[str] = []
    for piece in _SENTENCE.split(line):
        if sentences and (_ABBREVIATION.search(sentences[-1]) or _DAY_HALF.search(sentences[-1])):
            sentences[-1] += f" {piece}"
        else:
            sentences.append(piece)
    return [sentence.strip() for sentence in sentences if sentence.strip()]
