"""Applies an agent's pronunciations: words that are written one way and given to the voice another way."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from media.providers.local.normalizer import LONGEST_WORD
from media.providers.normalization.spans import SpanReader, SpokenSpan, split_tokens
from shared.plan import Pronunciation

# White space and punctuation, the word, a possessive ending, punctuation and white space.
_WORD: Final = re.compile(r"([\s\"'(\[\u00ab\u00bf\u00a1\u201c\u201e\u2018]*)(.*?)(['\u2019]s)?(\W*)", re.DOTALL)
_EDGES: Final = re.compile(r"\W|.*\W\Z", re.DOTALL)
# A pattern (with the same groups) for each word that begins or ends with a sign, and its spoken form.
_Signed = Sequence[tuple[re.Pattern[str], str]]


def with_pronunciations(read: SpanReader, pronunciations: Sequence[Pronunciation]) -> SpanReader:
    """Return a reader that applies the pronunciations to the result of `read`.

    Only whole words match, regardless of case. A word without a spoken form stays as it is written.
    """
    lexicon = {pronunciation.word.casefold(): pronunciation.say for pronunciation in pronunciations}
    signed = [
        (re.compile(rf"(\W*?)({re.escape(pronunciation.word)})(['\u2019]s)?(\W*)", re.IGNORECASE), pronunciation.say)
        for pronunciation in sorted(pronunciations, key=lambda one: len(one.word), reverse=True)
        if _EDGES.match(pronunciation.word)
    ]

    def read_with_lexicon(text: str) -> Sequence[SpokenSpan]:
        return [_replace(span, lexicon, signed) for span in read(text)]

    return read_with_lexicon if lexicon else read


def _replace(span: SpokenSpan, lexicon: Mapping[str, str], signed: _Signed) -> SpokenSpan:
    """Apply the pronunciations to a span. A span of several words, such as a telephone number, stays unchanged, because
    its spoken words are not those of the text."""
    if len(span.written) > LONGEST_WORD or len(split_tokens(span.written)) != 1:
        return span
    for pattern, say in signed:  # before "C" is found in "C++"
        if match := pattern.fullmatch(span.written):
            head, word, possessive, tail = match.groups(default="")
            return SpokenSpan(span.written, f"{head}{say or word}{possessive}{tail}")
    if not (match := _WORD.fullmatch(span.written)):
        return span
    head, word, possessive, tail = match.groups(default="")
    if (whole := lexicon.get(f"{word}{possessive}".casefold())) is not None:
        return SpokenSpan(span.written, f"{head}{whole or word + possessive}{tail}")
    known = lexicon.get(word.casefold())
    return span if known is None else SpokenSpan(span.written, f"{head}{known or word}{possessive}{tail}")
