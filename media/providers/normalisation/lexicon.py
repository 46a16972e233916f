"""An agent's pronunciations: words that are written one way and given to the voice another way."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from media.providers.normalisation.spans import SpanReader, SpokenSpan, split_tokens
from shared.plan import Pronunciation

# White space and punctuation before the word, the word, a possessive ending, punctuation and white space after it.
_WORD: Final = re.compile(r"([\s\"'(\[\u00ab\u00bf\u00a1\u201c\u201e\u2018]*)(.*?)(['\u2019]s)?(\W*)", re.DOTALL)


def with_pronunciations(read: SpanReader, pronunciations: Sequence[Pronunciation]) -> SpanReader:
    """`read`, but for the words that have a pronunciation: they are compared whole and without case."""
    lexicon = {one.word.casefold(): one.say for one in pronunciations}

    def read_with_lexicon(text: str) -> Sequence[SpokenSpan]:
        return [_replace(span, lexicon) for span in read(text)]

    return read_with_lexicon if lexicon else read


def _replace(span: SpokenSpan, lexicon: Mapping[str, str]) -> SpokenSpan:
    """A span of several words, such as a telephone number, stays: its words are not the text's own."""
    if len(split_tokens(span.written)) != 1 or not (match := _WORD.fullmatch(span.written)):
        return span
    head, word, possessive, tail = match.groups(default="")
    if say := lexicon.get(f"{word}{possessive}".casefold()):
        return SpokenSpan(span.written, f"{head}{say}{tail}")
    say = lexicon.get(word.casefold(), "")
    return SpokenSpan(span.written, f"{head}{say}{possessive}{tail}") if say else span
