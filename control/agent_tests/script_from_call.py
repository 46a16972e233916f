"""Makes a script from what is known of a call. Pure functions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from control.agent_tests.rules import (
    LONGEST_RESULT,
    LONGEST_WORDS,
    MOST_ASSERTIONS,
    MOST_TOOLS,
    MOST_TURNS,
    Assertion,
    CaseScript,
    RecordedOutcome,
    ScriptedTurn,
    is_built_in,
)
from control.calls.records.word_times import make_words

# Silence around the caller's words that belongs to a turn's audio: vendors' times of words are off by this much.
MARGIN_MS: Final = 200
LONGEST_PAUSE_MS: Final = 10_000
# An answer may be this much later than the latest one of the call.
SLOWER_MS: Final = 1_000
LEAST_ANSWER_MS: Final = 2_000
LONGEST_SILENCE_MS: Final = 8_000
MOST_FIGURES: Final = 20
# Prices, times and other numbers: a rewording keeps them, and a wrong one misleads the caller.
_FIGURE: Final = re.compile(r"[$€£]?\d(?:[\d.,:]*\d)?%?")
_PLACEHOLDER: Final = re.compile(r"\[redacted: ([a-z ]+)\]")
# What a caller says in place of redacted words. None of these belongs to anybody.
_STAND_INS: Final[Mapping[str, str]] = {
    "card number": "4242 4242 4242 4242",
    "security code": "1 2 3",
    "national id": "0 7 8 0 5 1 1 2 0",
    "email": "sam at example dot com",
}
Utterance = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """What is known of a call that is over.

    Attributes:
        utterances: As stored, each with speaker, text, start_ms and end_ms.
        events: Their data with the type, in order.
        has_audio: Turns may be cut from its recording.
    """

    utterances: Sequence[Utterance]
    events: Sequence[Mapping[str, Any]]
    at: datetime
    direction: Literal["inbound", "outbound"]
    variables: Mapping[str, str]
    language: str
    end_reason: str | None
    has_audio: bool


def make_script(call: RecordedCall) -> CaseScript | None:
    """Returns the script of a call; None if its caller said nothing that is known."""
    turns = _make_turns(call.utterances, has_audio=call.has_audio)[:MOST_TURNS]
    if not turns:
        return None
    return CaseScript(
        turns=turns,
        tools=_make_outcomes(call.events)[:MOST_TOOLS],
        assertions=_make_assertions(call)[:MOST_ASSERTIONS],
        at=call.at,
        direction=call.direction,
        variables=dict(call.variables),
        language=call.language,
        hangs_up=call.end_reason == "caller_hangup",
    )


def replace_redacted(text: str) -> str:
    """Returns the text with words that a voice can speak in place of what was redacted."""
    return _PLACEHOLDER.sub(lambda found: _STAND_INS.get(found[1], "something"), text)


def _make_turns(utterances: Sequence[Utterance], *, has_audio: bool) -> list[ScriptedTurn]:
    ordered = sorted(utterances, key=lambda utterance: (utterance["start_ms"], utterance["end_ms"]))
    callers = [utterance for utterance in ordered if utterance["speaker"] == "caller"]
    turns: list[ScriptedTurn] = []
    before_ms = 0  # where the turn before ended
    for place, said in enumerate(callers):
        text = replace_redacted(said["text"]).strip()[:LONGEST_WORDS]
        if text:
            following = callers[place + 1]["start_ms"] if place + 1 < len(callers) else said["end_ms"] + MARGIN_MS
            span = (max(before_ms, said["start_ms"] - MARGIN_MS), min(following, said["end_ms"] + MARGIN_MS))
            turns.append(_make_turn(said, text, _heard_before(ordered, said, before_ms), before_ms, span, has_audio))
        before_ms = max(before_ms, said["end_ms"])
    return turns


def _make_turn(
    said: Utterance, text: str, heard: Utterance | None, before_ms: int, span: tuple[int, int], has_audio: bool
) -> ScriptedTurn:
    is_cut = heard is not None and heard["end_ms"] > said["start_ms"]
    since = before_ms if heard is None else heard["end_ms"]
    is_usable = has_audio and 0 <= span[0] < span[1]
    return ScriptedTurn(
        text=text,
        reacts_to="" if heard is None else replace_redacted(heard["text"]).strip()[:LONGEST_WORDS],
        pause_ms=0 if is_cut else min(LONGEST_PAUSE_MS, max(0, said["start_ms"] - since)),
        interrupts_after_words=_count_words(heard, said["start_ms"]) if heard is not None and is_cut else None,
        start_ms=span[0] if is_usable else None,
        end_ms=span[1] if is_usable else None,
    )


def _heard_before(ordered: Iterable[Utterance], said: Utterance, before_ms: int) -> Utterance | None:
    """Returns the agent's utterance that the caller reacts to: the last one that began before the caller spoke, and was
    heard after the caller's turn before."""
    heard = [
        utterance
        for utterance in ordered
        if utterance["speaker"] != "caller"
        and utterance["text"]
        and utterance["start_ms"] < said["start_ms"]
        and utterance["end_ms"] > before_ms
    ]
    return heard[-1] if heard else None


def _count_words(heard: Utterance, until_ms: int) -> int:
    """Returns how many words of an utterance had begun."""
    return sum(word.start_ms < until_ms for word in make_words(heard))


def _make_outcomes(events: Iterable[Mapping[str, Any]]) -> list[RecordedOutcome]:
    """Returns the results of tools that control ran. Events do not have the arguments."""
    return [
        RecordedOutcome(
            name=event["name"],
            result=replace_redacted(event.get("result", ""))[:LONGEST_RESULT],
            is_ok=event["ok"],
            delay_ms=max(0, event["took_ms"]),
        )
        for event in events
        if event["type"] == "tool.ran" and not is_built_in(event["name"])
    ]


def _make_assertions(call: RecordedCall) -> list[Assertion]:
    """Returns what every good version should do as the version of the call did."""
    made = [Assertion(kind="announces", value=name) for name in _values(call.events, "announcement.heard", "kind")]
    made += [
        Assertion(kind="calls_tool", value=name)
        for name in dict.fromkeys(event["name"] for event in call.events if event["type"] == "tool.ran" and event["ok"])
    ]
    targets = _values(call.events, "call.ended", "transfer_to")
    made += [Assertion(kind="transfers", value=number) for number in targets]
    if not targets:
        made.append(Assertion(kind="never_transfers"))
    if call.end_reason == "agent_hangup":
        made.append(Assertion(kind="ends", value="agent_hangup"))
    made += [Assertion(kind="says", value=figure) for figure in _find_figures(call.utterances)]
    latest = max((event["total_ms"] for event in call.events if event["type"] == "turn.latency"), default=0)
    made.append(Assertion(kind="answers_within", most_ms=max(LEAST_ANSWER_MS, latest + SLOWER_MS)))
    made.append(Assertion(kind="silence_within", most_ms=LONGEST_SILENCE_MS))
    return made


def _values(events: Iterable[Mapping[str, Any]], type_: str, field: str) -> list[str]:
    return list(dict.fromkeys(event[field] for event in events if event["type"] == type_ and event.get(field)))


def _find_figures(utterances: Iterable[Utterance]) -> list[str]:
    """Returns figures that the agent said to their ends, and that the caller had not said before."""
    figures: dict[str, None] = {}
    of_caller = ""
    for utterance in sorted(utterances, key=lambda utterance: utterance["start_ms"]):
        if utterance["speaker"] == "caller":
            of_caller += f" {utterance['text']}"
        elif utterance["speaker"] == "agent" and not _PLACEHOLDER.search(utterance["text"]):
            known = set(_FIGURE.findall(of_caller))
            figures.update(dict.fromkeys(f for f in _FIGURE.findall(utterance["text"]) if f not in known))
    return list(figures)[:MOST_FIGURES]
