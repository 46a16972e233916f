"""Patterns of callers' requests, for example for a person, in the languages of `phrases`. Pure.

Texts are matched as lower-case words without accents and punctuation, `n't` as `nt`. What is matched is acted on
without asking again: the caller is transferred, or a recording is deleted. So a pattern is a whole request and no
mention: a report ("they told me to talk to an agent"), a negation ("don't stop recording"), a quotation, a question
about the agent ("are you a person?") and an answer to the agent's own question belong to the model.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_CONTRACTED: Final = re.compile(r"(?<=\w)n['\u2019]t\b")
_NO_WORD: Final = re.compile(r"[^\w\s]|_")
_SENTENCE: Final = re.compile(r"[^.!?;:¿¡…\n]+[?]?")
# "Stop calling me sir" asks for another form of address.
_ADDRESSES: Final = frozenset({"sir", "madam"})
_CLAUSE_END: Final = re.compile(r"[,\u2013\u2014]| - ")


@dataclass(frozen=True, slots=True)
class RequestPatterns:
    """The patterns of one language; each is searched in plain text.

    person: asks to talk to a person. bare_person: a whole sentence that names one and says nothing else. not_person:
    words in the sentence that make it no request. before_person: words right before a request that turn it round.
    person_question: a sentence with a question mark that asks whether it is needed.
    refusal: does not want to be recorded. not_refusal: words before it in its clause that quote, suppose or turn it
    round. quotation: ends a clause before a quotation. assertion: a refusal, unless a question mark follows.
    answerable: words of the agent's after which a bare person, or a key, is an answer. open_question: begins a question
    that "no" does not answer. opt_out: asks not to be called again. courtesy: words that change nothing.
    """

    person: re.Pattern[str]
    bare_person: re.Pattern[str]
    not_person: re.Pattern[str]
    before_person: re.Pattern[str]
    person_question: re.Pattern[str]
    refusal: re.Pattern[str]
    not_refusal: re.Pattern[str]
    quotation: re.Pattern[str]
    assertion: re.Pattern[str]
    answerable: re.Pattern[str]
    open_question: re.Pattern[str]
    opt_out: re.Pattern[str]
    courtesy: re.Pattern[str]

    def asks_for_person(self, sentence: str, *, is_answer: bool) -> bool:
        """Whether a sentence of `split_sentences` asks for a person. is_answer: to a question of the agent's after
        which a bare person is none."""
        asked = self.without_courtesy(plain_text(sentence))
        if self.not_person.search(asked) or (is_question(sentence) and self.person_question.search(asked)):
            return False
        if not is_answer and self.bare_person.search(asked):
            return True
        return any(not self.before_person.search(asked[: one.start()]) for one in self.person.finditer(asked))

    def find_refusal(self, sentence: str) -> str | None:
        """The words besides the refusal in a sentence; None if it refuses nothing. Each of its clauses may refuse."""
        for before, part in _parts(sentence):
            plain = self.without_courtesy(plain_text(part))
            found = self.refusal.search(plain) or (None if is_question(part) else self.assertion.search(plain))
            if found is None or self.not_refusal.search(plain[: found.start()]) or self.quotation.search(before):
                continue
            return " ".join((plain_text(sentence.replace(part, " ", 1)), plain[: found.start()], plain[found.end() :]))
        return None

    def opts_out(self, sentence: str) -> bool:
        """Whether a sentence of `split_sentences` asks not to be called again. Each of its clauses may."""
        for before, part in _parts(sentence):
            plain = " ".join(self.courtesy.sub(_keep_address, plain_text(part)).split())
            found = self.opt_out.search(plain)
            if found and not self.not_refusal.search(plain[: found.start()]) and not self.quotation.search(before):
                return True
        return False

    def is_answerable(self, text: str) -> bool:
        """Whether a bare person, or a key, may be the answer to this text of the agent's."""
        return self.answerable.search(plain_text(text)) is not None

    def without_courtesy(self, plain: str) -> str:
        """Plain text without words that change nothing."""
        return " ".join(self.courtesy.sub(" ", plain).split())

    def is_open_question(self, sentence: str) -> bool:
        """Whether a sentence of the agent's asks something that "no" is no answer to."""
        return any(self.open_question.search(plain_text(split_clause)) for split_clause in split_clauses(sentence))


def _keep_address(courtesy: re.Match[str]) -> str:
    return courtesy[0] if courtesy[0] in _ADDRESSES else " "


def split_sentences(text: str) -> list[str]:
    """The sentences of a text that have words, each with its question mark."""
    return [one.strip() for one in _SENTENCE.findall(text) if plain_text(one)]


def split_clauses(sentence: str) -> Iterator[str]:
    """The parts of a sentence between its commas; the last one has its question mark."""
    return (one for one in _CLAUSE_END.split(sentence) if plain_text(one))


def _parts(sentence: str) -> Iterator[tuple[str, str]]:
    """The sentence, each of its clauses, and each with the next one ("I don't want, that …" is one request); each with
    the plain text before it. Not each with all that follows: that took 5 s for 2,000 words with commas between them."""
    yield "", sentence
    ends = [0, *(one.end() for one in _CLAUSE_END.finditer(sentence)), len(sentence)]
    if len(ends) == 2:
        return
    texts = [plain_text(sentence[start:end]) for start, end in pairwise(ends)]
    for index, (start, end) in enumerate(pairwise(ends)):
        before = texts[index - 1] if index else ""
        yield before, sentence[start:end]
        if index + 2 < len(ends):
            yield before, sentence[start : ends[index + 2]]


def is_question(sentence: str) -> bool:
    """Whether it ends in a question mark."""
    return sentence.rstrip().endswith("?")


def plain_text(text: str) -> str:
    """Lower-case words without accents and punctuation."""
    letters = _CONTRACTED.sub("nt", text.casefold())
    if not letters.isascii():
        decomposed = unicodedata.normalize("NFKD", letters)
        letters = "".join(one for one in decomposed if not unicodedata.combining(one))
    return " ".join(_NO_WORD.sub(" ", letters).split())
