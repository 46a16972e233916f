"""The features of the completeness model: hashed words and endings, and a few counts.

The mark at the end is dropped, because recognizers put one after every fragment. Marks between sentences are kept,
because the recognizer placed them with the following words available.

A change here invalidates every trained file: raise `FORMAT` and train again (docs/develop/turn-model.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from media.turn.backchannels import phrase_set
from media.turn.expected_reply import ExpectedReply

FORMAT = 2
# The last words decide whether a turn ends; words before the last 32 add nothing.
MAX_CHARS, MAX_WORDS = 1_000, 32
NGRAM_BUCKETS, WORD_BUCKETS, ENDING_BUCKETS = 1 << 18, 1 << 15, 1 << 12
LAST_WORDS, FIRST_WORDS, ENDINGS = 6, 3, 3
START = "^"
# Tokens for punctuation between two sentences, and between two parts of a sentence.
STOP, COMMA = ".", ","
NGRAMS = 23
COUNTS = 26

# The order of the trained weights. A kind that is not listed counts as a reply.
ASKED = (
    ExpectedReply.REPLY,
    ExpectedReply.YES_NO,
    ExpectedReply.DIGITS,
    ExpectedReply.CODE,
    ExpectedReply.EMAIL,
    ExpectedReply.SPELLING,
    ExpectedReply.MESSAGE,
)
_QUESTION = phrase_set("what|what's|where|where's|when|when's|who|who's|how|how's|why|which|whose")
_AUXILIARY = phrase_set(
    "do|does|did|is|are|was|were|am|can|could|would|will|shall|should|have|has|had|may|might|must|don't|isn't|aren't|"
    "can't|won't|doesn't|didn't|i'm|i'd|i'll|i've|it's|that's|there's|we're|you're|he's|she's|they're"
)
_SUBJECT = phrase_set("i|you|he|she|it|we|they|this|that|there|i'm|i'd|i'll|i've|it's|that's|there's|we're|you're")
_DIGIT = phrase_set("zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine|double|triple")
_MARKS = {".": STOP, "!": STOP, "?": STOP, ",": COMMA, ";": COMMA, ":": COMMA}
_BETWEEN = (STOP, COMMA)
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[.!?,;:](?=[\s\"]|$)")
# Words that begin a clause, or after which something must follow.
_CONNECTIVE = phrase_set(
    "and|but|or|so|if|when|because|cause|since|while|although|though|unless|until|before|after|that|which|who|whom|whose|"
    "where|what|how|why|than|as|to|for|with|at|in|on|of|about|from|by|besides|except|like|let|please"
)
_TO_HASH = str.maketrans("0123456789", "##########")


@dataclass(frozen=True, slots=True)
class CompletenessFeatures:
    """The features of one text.

    Attributes:
        ngrams: NGRAMS indices below NGRAM_BUCKETS.
        words: LAST_WORDS + FIRST_WORDS indices below WORD_BUCKETS.
        endings: ENDINGS indices below ENDING_BUCKETS.
        counts: COUNTS numbers from 0 to 2.
    """

    ngrams: list[int]
    words: list[int]
    endings: list[int]
    counts: list[float]


def last_words(text: str) -> list[str]:
    """Return the last MAX_WORDS words of a text in lower case, with digits as `#`.

    Of the punctuation between two words, one STOP or COMMA is kept, which counts as a word.
    """
    found: list[str] = []
    for token in _TOKEN.findall(text[-MAX_CHARS:].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
        if token not in _MARKS:
            found.append(token.translate(_TO_HASH))
        elif found and found[-1] not in _BETWEEN:
            found.append(_MARKS[token])
        elif found and found[-1] == COMMA:
            found[-1] = _MARKS[token]
    if found and found[-1] in _BETWEEN:
        found.pop()
    found = found[-MAX_WORDS:]
    return found[1:] if found and found[0] in _BETWEEN else found


def extract_features(words: Sequence[str], asked: ExpectedReply) -> CompletenessFeatures:
    """Return the features of `words`, which come from `last_words`."""
    asked = asked if asked in ASKED else ExpectedReply.REPLY
    padded = [*[START] * LAST_WORDS, *words]
    last = padded[-LAST_WORDS:]
    sentence = _last_sentence(words)
    first = [*sentence[:FIRST_WORDS], *[START] * (FIRST_WORDS - len(sentence[:FIRST_WORDS]))]
    return CompletenessFeatures(
        ngrams=[_bucket(feature, NGRAM_BUCKETS) for feature in _ngrams(sentence, last, first, asked)],
        words=[_bucket(word, WORD_BUCKETS) for word in (*last, *first)],
        endings=[_bucket(word[-3:], ENDING_BUCKETS) for word in last[-ENDINGS:]],
        counts=_counts(sentence, asked, words.count(STOP), len(words)),
    )


def _last_sentence(words: Sequence[str]) -> list[str]:
    start = max((place + 1 for place, word in enumerate(words) if word == STOP), default=0)
    return list(words[start:])


def _bucket(feature: str, buckets: int) -> int:
    return crc32(feature.encode()) % buckets


def _ngrams(words: Sequence[str], last: list[str], first: list[str], asked: ExpectedReply) -> list[str]:
    a, b, c, d, e = last[-5:]
    length = min(len(words), 12)
    connective, since = _last_connective(words)
    subjects = min(sum(word in _SUBJECT for word in words), 3)
    classes = " ".join(_word_class(word) for word in last[-4:])
    return [
        f"1 {e}",
        f"2 {d} {e}",
        f"3 {c} {d} {e}",
        f"4 {b} {c} {d} {e}",
        f"5 {a} {b} {c} {d} {e}",
        f"p2 {d}",
        f"p3 {c}",
        f"p4 {b}",
        f"s3 {c} {e}",
        f"s4 {b} {e}",
        f"e {e[-3:]}",
        f"de {d} {e[-2:]}",
        f"cde {c} {d} {e[-2:]}",
        f"k {classes}",
        f"f {first[0]} {e}",
        f"ff {first[0]} {first[1]}",
        f"n {length} {e}",
        f"nn {length} {first[0]}",
        f"a {asked} {e}",
        f"an {asked} {length} {_word_class(e)}",
        f"c {connective} {since} {_word_class(e)}",
        f"cc {connective} {since} {first[0]}",
        f"cs {first[0]} {connective} {subjects}",
    ]


def _last_connective(words: Sequence[str]) -> tuple[str, int]:
    """Return the last connective of a sentence, and the number of words after it (at most 6)."""
    for since, word in enumerate(reversed(words)):
        if word in _CONNECTIVE or word == COMMA:
            return word, min(since, 6)
    return START, 6


def _counts(words: Sequence[str], asked: ExpectedReply, before: int, total: int) -> list[float]:
    """Return the counts for the `words` of the last sentence.

    Args:
        before: The number of sentences before it.
        total: The number of words of the whole text.
    """
    length, run = len(words), _digit_run(words)
    counts = [0.0] * COUNTS
    counts[ASKED.index(asked)] = 1.0
    counts[len(ASKED) :] = [
        min(length, 4) / 4,
        min(length, 10) / 10,
        length / MAX_WORDS,
        float(length == 1),
        float(bool(words) and words[0] in _QUESTION),
        float(bool(words) and words[0] in _AUXILIARY),
        float(any(word in _QUESTION for word in words)),
        float(any(word in _AUXILIARY for word in words)),
        float(any(word in _SUBJECT for word in words)),
        min(run, 4) / 4,
        min(run, 20) / 10,
        float(run in (10, 11)),
        float(run == 16),
        float(run in (4, 6)),
        min(_letter_run(words), 8) / 8,
        float("at" in words and "dot" in words),
        float(bool(words) and len(words[-1]) == 1),
        min(before, 3) / 3,
        total / MAX_WORDS,
    ]
    return counts


def _word_class(word: str) -> str:
    if "#" in word:
        return "#" * min(len(word), 4) if word.strip("#") == "" else "#x"
    if word in _DIGIT:
        return "digit"
    if word in _AUXILIARY or word in _SUBJECT or word in _QUESTION or len(word) <= 3:
        return word
    return "-" + word[-2:]


def _digit_run(words: Sequence[str]) -> int:
    """Return the number of digits in the words at the end that consist only of digits."""
    run = 0
    for word in reversed(words):
        if word not in _DIGIT and word.strip("#"):
            break
        run += len(word) if word.startswith("#") else 1
    return run


def _letter_run(words: Sequence[str]) -> int:
    run = 0
    for word in reversed(words):
        if len(word) != 1:
            break
        run += 1
    return run
