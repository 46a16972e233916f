"""Finds content that must not be kept in a conversation, and replaces it with placeholders. Pure functions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final, Literal, get_args

from control.redaction import cards, contexts, email_addresses, national_ids
from control.redaction.contexts import KeywordContext
from control.redaction.digit_runs import MOST_BETWEEN, correct_run, split_runs
from control.redaction.number_words import LANGUAGES, MISHEARD, DigitGroup, may_be_number, read_digits
from control.redaction.tokens import Token, tokenize, word_set

RedactionKind = Literal["card_number", "security_code", "national_id", "email"]
KINDS: Final[tuple[RedactionKind, ...]] = get_args(RedactionKind)
# Every number that is searched for has at least this many digits.
_FEWEST_DIGITS: Final = 3
# Number of earlier turns that are read together with a new turn. A number that began earlier is not continued.
WINDOW: Final = 24
# Hesitations, which may separate the digits of a security code. Other words separate several numbers.
_HESITATIONS: Final = word_set("um uh er erm and ahm euh eh ehm y et e und en")
_MARK: Final = "[redacted: "


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A turn of a speaker, or any other text. The texts of a speaker are read as one stream."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True, order=True)
class SensitiveSpan:
    """A part of a text that must not be kept.

    Attributes:
        place: Index of the text in the sequence of texts.
        start: Index of the first character.
        end: Index after the last character.
    """

    place: int
    start: int
    end: int
    kind: RedactionKind


@dataclass(frozen=True, slots=True)
class _Contexts:
    """The positions in the stream at which people talk about each kind of number."""

    card: KeywordContext
    security_code: KeywordContext
    national_id: KeywordContext


_CARD_MARK: Final = f"{_MARK}card number]"
_NOWHERE: Final = KeywordContext((), frozenset())
# Positions of the first and last token of a finding in a stream.
_Span = tuple[int, int]


def find_sensitive(texts: Sequence[SpokenText], kinds: Collection[str]) -> list[SensitiveSpan]:
    """Find content that must not be kept. Findings are in the order of the texts and do not overlap.

    The texts of each speaker are read as one stream, because people spread a number over several turns. The time is
    linear in the length of the texts.

    Args:
        kinds: Kinds of KINDS to find; other kinds are ignored.
    """
    everything = tokenize(enumerate(text.text for text in texts))
    known = _Contexts(
        *(KeywordContext(everything, words) for words in (contexts.CARD, contexts.SECURITY_CODE, contexts.NATIONAL_ID))
    )
    found: list[SensitiveSpan] = []
    for speaker in dict.fromkeys(text.speaker for text in texts):
        stream = [token for token in everything if texts[token.utterance].speaker == speaker]
        found += _find_in_stream(stream, known, kinds)
        if "card_number" in kinds:
            found += _find_continuations(
                stream, [place for place, text in enumerate(texts) if text.speaker == speaker], texts
            )
    return _without_overlaps(found)


def redact(texts: Sequence[SpokenText], kinds: Collection[str]) -> list[str]:
    """Return the texts with each finding replaced by a placeholder, such as "[redacted: card number]"."""
    spans = find_by_text(texts, kinds)
    return [leave_out(text.text, spans.get(place, ())) for place, text in enumerate(texts)]


def find_by_text(texts: Sequence[SpokenText], kinds: Collection[str]) -> Mapping[int, Sequence[SensitiveSpan]]:
    """Return the findings of `find_sensitive`, grouped by the index of their text."""
    return {place: list(spans) for place, spans in groupby(find_sensitive(texts, kinds), lambda span: span.place)}


def leave_out(text: str, spans: Iterable[SensitiveSpan]) -> str:
    """Replace spans, which must be ordered and not overlap, with placeholders."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += text[at : span.start], placeholder(span.kind)
        at = span.end
    return "".join([*parts, text[at:]])


def redact_text(text: str, kinds: Collection[str]) -> str:
    """Redact a single text; see `redact`."""
    return redact([SpokenText("", text)], kinds)[0] if text and kinds else text


def may_hold_any(text: str) -> bool:
    """Return whether a text may contain a part of a finding: a number or an "at". Most turns contain neither."""
    return any(may_be_number(token) or email_addresses.is_at(token) for token in tokenize([(0, text)]))


def placeholder(kind: RedactionKind) -> str:
    """Return the text that replaces a finding."""
    return f"{_MARK}{kind.replace('_', ' ')}]"


def is_redacted(text: str) -> bool:
    """Return whether a text contains a placeholder."""
    return _MARK in text


def _find_in_stream(stream: Sequence[Token], known: _Contexts, kinds: Collection[str]) -> Iterator[SensitiveSpan]:
    if "email" in kinds:
        yield from _findings(stream, email_addresses.find_email_addresses(stream), "email")
    if not any(map(may_be_number, stream)):
        return
    has_digits = any(map(_has_digit, stream))
    readings: set[tuple[DigitGroup, ...]] = set()
    for language in LANGUAGES:
        groups = tuple(read_digits(stream, language))
        size = sum(len(group.digits) for group in groups)
        if groups not in readings and (has_digits or size >= _FEWEST_DIGITS):
            readings.add(groups)
            yield from _find_numbers(stream, groups, known, kinds)
    if "card_number" in kinds:
        groups = tuple(read_digits(stream, MISHEARD))
        if groups not in readings:
            spans = _card_spans(stream, groups, _NOWHERE, most_between=1)
            in_talk = [span for span in spans if known.card.holds(stream[span[0]])]
            yield from _findings(stream, in_talk, "card_number", groups)


def _find_continuations(
    stream: Sequence[Token], places: Sequence[int], texts: Sequence[SpokenText]
) -> Iterator[SensitiveSpan]:
    """Find the rest of a card number whose beginning was redacted before the caller finished it.

    The rest is the digits at the beginning of a turn, if the speaker's previous turn ended with a redacted card number.

    Args:
        places: Indexes of the speaker's texts.
    """
    ended = {at for before, at in pairwise(places) if texts[before].text.rstrip(" .,;!?-").endswith(_CARD_MARK)}
    turns = {place: list(tokens) for place, tokens in groupby(stream, key=lambda token: token.utterance)}
    for place in sorted(ended & turns.keys()):
        turn = turns[place]
        for groups in {tuple(read_digits(turn, language)) for language in LANGUAGES}:
            run = next(split_runs(turn, groups), None)
            if run is not None and cards.may_be_rest(run) and _begins(turn, run.groups[0]):
                yield from _findings(turn, [(run.groups[0].first, run.groups[-1].last)], "card_number", groups)


def _begins(turn: Sequence[Token], group: DigitGroup) -> bool:
    return sum(token.is_word for token in turn[: group.first]) <= MOST_BETWEEN


def _has_digit(token: Token) -> bool:
    return any(map(str.isdigit, token.text))


def _find_numbers(
    stream: Sequence[Token], groups: Sequence[DigitGroup], known: _Contexts, kinds: Collection[str]
) -> Iterator[SensitiveSpan]:
    card_spans = list(_card_spans(stream, groups, known.card))
    if "card_number" in kinds:
        yield from _findings(stream, card_spans, "card_number", groups)
    if "national_id" in kinds:
        spans = national_ids.find_national_ids(stream, groups, known.national_id)
        yield from _findings(stream, spans, "national_id")
    if "security_code" in kinds:
        spans = _security_code_spans(stream, groups, card_spans, known.security_code)
        yield from _findings(stream, spans, "security_code", groups)


def _card_spans(
    stream: Sequence[Token], groups: Sequence[DigitGroup], context: KeywordContext, most_between: int | None = None
) -> Iterator[_Span]:
    for run in split_runs(stream, groups, most_between):
        found = [span for meant in correct_run(stream, run) for span in cards.find_card_numbers(meant)]
        yield from found
        start = run.groups[0].first
        is_begun = any(first == start for first, _ in found)
        if not is_begun and cards.may_be_card_number(run) and context.holds(stream[start]):
            yield run.groups[0].first, run.groups[-1].last


def _security_code_spans(
    stream: Sequence[Token], groups: Sequence[DigitGroup], taken: Sequence[_Span], context: KeywordContext
) -> Iterator[_Span]:
    """Find security codes among all numbers, and again among the numbers outside card numbers.

    The first search is needed because a code's first digit may accidentally form a longer card number with the
    preceding digits. The second is needed because people say card number and code without a pause.
    """
    covered = {place for first, last in taken for place in range(first, last + 1)}
    free = [group for group in groups if group.first not in covered]
    for numbers in (groups, free):
        for part in _split_at_words(numbers, stream):
            if context.holds(stream[part[0].first]):
                turns = groupby(part, key=lambda group: stream[group.first].utterance)
                for numbers_in_turn in (part, *(list(groups_of_turn) for _, groups_of_turn in turns)):
                    yield from cards.find_security_codes(numbers_in_turn)


def _split_at_words(groups: Sequence[DigitGroup], stream: Sequence[Token]) -> Iterator[Sequence[DigitGroup]]:
    """Split the numbers wherever words separate them. A part may span several turns."""
    part: list[DigitGroup] = []
    for group in groups:
        between = stream[part[-1].last + 1 : group.first] if part else ()
        if any(token.is_word and token.text not in _HESITATIONS for token in between):
            yield part
            part = []
        part.append(group)
    if part:
        yield part


def _findings(
    stream: Sequence[Token], spans: Iterable[_Span], kind: RedactionKind, groups: Sequence[DigitGroup] | None = None
) -> Iterator[SensitiveSpan]:
    """Yield a finding for each text that a span touches, from the span's first to its last token in that text.

    Args:
        groups: Count only tokens of these groups, so that words before the second half of a number stay.
    """
    taken = None if groups is None else {at for group in groups for at in range(group.first, group.last + 1)}
    for first, last in spans:
        ends: dict[int, tuple[int, int]] = {}
        for at, token in enumerate(stream[first : last + 1], first):
            if taken is None or at in taken:
                start, _ = ends.get(token.utterance, (token.start, 0))
                ends[token.utterance] = (start, token.end)
        for place, (start, end) in ends.items():
            yield SensitiveSpan(place, start, end, kind)


def _without_overlaps(found: Sequence[SensitiveSpan]) -> list[SensitiveSpan]:
    """Join overlapping findings, because each would leave a part of the other.

    A joined finding has the kind that comes first in KINDS, because parts of a card number may look like an id.
    """
    merged: list[SensitiveSpan] = []
    for span in sorted(set(found)):
        last = merged[-1] if merged else None
        if last is not None and last.place == span.place and span.start < last.end:
            kind = min(last.kind, span.kind, key=KINDS.index)
            merged[-1] = SensitiveSpan(last.place, last.start, max(last.end, span.end), kind)
        else:
            merged.append(span)
    return merged
