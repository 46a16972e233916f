"""Patterns of callers' requests, for example for a person, in the languages of `phrases`. Pure.

Texts are matched as lower-case words without accents and punctuation, and `n't` as `nt`. The call acts on a match
without asking again: the caller is transferred, or a recording is deleted. A pattern is therefore a whole request and
not a mention. A report ("they told me to talk to an agent"), a negation ("don't stop recording"), a quotation, a
question about the agent ("are you a person?") and an answer to the agent's own question are left to the model.
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
# "Stop calling me sir" requests another form of address.
_ADDRESSES: Final = frozenset({"sir", "madam"})
_CLAUSE_END: Final = re.compile(r"[,\u2013\u2014]| - ")


@dataclass(frozen=True, slots=True)
class RequestPatterns:
    """The patterns of one language. Each is searched in plain text.

    Attributes:
        person: A request to talk to a person.
        bare_person: A whole sentence that names a person and nothing else.
        not_person: Words in the sentence that make it no request.
        before_person: Words right before a request that negate it.
        person_question: A sentence with a question mark that asks whether a person is necessary.
        refusal: The caller does not want to be recorded.
        not_refusal: Words before a refusal in its clause that quote, suppose or negate it.
        quotation: Ends a clause before a quotation.
        assertion: A refusal, unless a question mark follows.
        answerable: Words of the agent after which a bare person, or a key, is an answer.
        open_question: Begins a question that "no" does not answer.
        opt_out: A request not to be called again.
        courtesy: Words that change nothing.
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
        """Return whether a sentence of `split_sentences` asks for a person.

        Args:
            is_answer: The sentence answers a question of the agent, after which a bare person is not a request.
        """
        asked = self.without_courtesy(plain_text(sentence))
        if self.not_person.search(asked) or (is_question(sentence) and self.person_question.search(asked)):
            return False
        if not is_answer and self.bare_person.search(asked):
            return True
        return any(not self.before_person.search(asked[: match.start()]) for match in self.person.finditer(asked))

    def find_refusal(self, sentence: str) -> str | None:
        """Return the words besides the refusal in a sentence, or None if no clause of it refuses anything."""
        for before, part in _parts(sentence):
            plain = self.without_courtesy(plain_text(part))
            found = self.refusal.search(plain) or (None if is_question(part) else self.assertion.search(plain))
            if found is None or self.not_refusal.search(plain[: found.start()]) or self.quotation.search(before):
                continue
            return " ".join((plain_text(sentence.replace(part, " ", 1)), plain[: found.start()], plain[found.end() :]))
        return None

    def opts_out(self, sentence: str) -> bool:
        """Return whether a clause of a sentence of `split_sentences` asks not to be called again."""
        for before, part in _parts(sentence):
            plain = " ".join(self.courtesy.sub(_keep_address, plain_text(part)).split())
            found = self.opt_out.search(plain)
            if found and not self.not_refusal.search(plain[: found.start()]) and not self.quotation.search(before):
                return True
        return False

    def is_answerable(self, text: str) -> bool:
        """Return whether a bare person, or a key, may be the answer to this text of the agent."""
        return self.answerable.search(plain_text(text)) is not None

    def without_courtesy(self, plain: str) -> str:
        """Return plain text without words that change nothing."""
        return " ".join(self.courtesy.sub(" ", plain).split())

    def is_open_question(self, sentence: str) -> bool:
        """Return whether "no" does not answer the question in a sentence of the agent."""
        return any(self.open_question.search(plain_text(split_clause)) for split_clause in split_clauses(sentence))


def _keep_address(courtesy: re.Match[str]) -> str:
    return courtesy[0] if courtesy[0] in _ADDRESSES else " "


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text that have words, each with its question mark."""
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if plain_text(sentence)]


def split_clauses(sentence: str) -> Iterator[str]:
    """Return the parts of a sentence between its commas. The last part has its question mark."""
    return (clause for clause in _CLAUSE_END.split(sentence) if plain_text(clause))


def _parts(sentence: str) -> Iterator[tuple[str, str]]:
    """Yield the sentence, each of its clauses, and each clause with the next one, with the plain text before them.

    "I don't want, that …" is one request. A clause is not combined with everything that follows, which took 5 s for
    2,000 words with commas between them.
    """
    yield "", sentence
    ends = [0, *(match.end() for match in _CLAUSE_END.finditer(sentence)), len(sentence)]
    if len(ends) == 2:
        return
    texts = [plain_text(sentence[start:end]) for start, end in pairwise(ends)]
    for index, (start, end) in enumerate(pairwise(ends)):
        before = texts[index - 1] if index else ""
        yield before, sentence[start:end]
        if index + 2 < len(ends):
            yield before, sentence[start : ends[index + 2]]


def is_question(sentence: str) -> bool:
    """Return whether the sentence ends in a question mark."""
    return sentence.rstrip().endswith("?")


def plain_text(text: str) -> str:
    """Return lower-case words without accents and punctuation."""
    letters = _CONTRACTED.sub("nt", text.casefold())
    if not letters.isascii():
        decomposed = unicodedata.normalize("NFKD", letters)
        letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_NO_WORD.sub(" ", letters).split())
