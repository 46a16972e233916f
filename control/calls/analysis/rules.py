"""Types of call analyses, and a summary that needs no language model."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from control.agents.config_parts import AnalysisConfig
from control.calls.records.details import AnalysisRecord, Sentiment
from shared.plan import ProviderPlan


@dataclass(frozen=True, slots=True)
class AnalysisPolicy:
    """Limits for the analysis of one call.

    Attributes:
        max_tokens: Tokens of all requests together, including repeated requests. Caps the cost of one call's analysis.
        timeout_s: Limit for one request.
    """

    enabled: bool = True
    max_tokens: int = 60_000
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class CallFindings:
    """The result of an analysis.

    Attributes:
        sentiment_score: From -1 to 1.
        success: None if unknown.
    """

    summary: str | None = None
    sentiment: Sentiment | None = None
    sentiment_score: float | None = None
    success: bool | None = None
    success_reason: str = ""
    extracted: dict[str, Any] | None = None


NO_FINDINGS: Final = CallFindings()


@dataclass(frozen=True, slots=True)
class AnalysedTranscript:
    """A transcript for analysis: the speaker and the text of each utterance.

    Attributes:
        fingerprint: Hash of the text as stored.
    """

    utterances: Sequence[Mapping[str, str]]
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisTask:
    """A call that waits for its analysis.

    Attributes:
        models: The chain of models to ask, first choice first.
    """

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    transcript: AnalysedTranscript
    config: AnalysisConfig
    language: str
    models: Sequence[ProviderPlan] = field(repr=False)
    record: AnalysisRecord


MOST_SENTENCES: Final = 3
LONGEST_SENTENCE: Final = 300
# Function words are short in most languages that are written with letters.
_SHORTEST_WORD: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…\u3002\uff01\uff1f])\s+")
_SPEAKERS: Final[Mapping[str, str]] = {"caller": "Caller", "agent": "Agent", "person": "Person"}


def summarize(utterances: Sequence[Mapping[str, str]]) -> str | None:
    """Summarizes a conversation without a language model.

    Chooses the sentences that contain the most frequent words of the conversation (H. P. Luhn, "The Automatic Creation
    of Literature Abstracts", 1958). Sentiment and success stay unknown: word lists cover one language and miss negation
    across sentences, and an unreliable value is worse than none.

    Returns:
        Up to three sentences in their original order, each with its speaker. None if there are no words.
    """
    sentences = [
        (utterance["speaker"], sentence.strip())
        for utterance in utterances
        for sentence in _SENTENCE_END.split(utterance["text"])
        if _words(sentence)
    ]
    frequencies = Counter(word for _, sentence in sentences for word in set(_words(sentence)))
    # The caller's words describe the topic; the agent's phrases are the same in each call.
    ranked = sorted(
        range(len(sentences)),
        key=lambda place: (sentences[place][0] != "caller", -_weight(sentences[place][1], frequencies), place),
    )
    chosen = [sentences[place] for place in sorted(ranked[:MOST_SENTENCES])]
    return " ".join(f"{_SPEAKERS[speaker]}: {_cut(sentence)}" for speaker, sentence in chosen) or None


def _weight(sentence: str, frequencies: Mapping[str, int]) -> int:
    return sum(frequencies[word] for word in set(_words(sentence)))


def _words(sentence: str) -> list[str]:
    return [word for word in _WORD.findall(sentence.lower()) if len(word) >= _SHORTEST_WORD]


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[:LONGEST_SENTENCE].rstrip()}…"
