"""The teacher: a small language model is asked whether the words of a caller end here.

P(end) is its probability of `.`, `?`, `!` or an end token after "This is a transcript of a phone call.\\nCaller: ", and
the words in lower case without punctuation. All prefixes of an utterance are asked for in rising length: the model
keeps its state, so each costs one token (8 ms on one thread, where a cut by itself costs 45).
"""

import importlib
import lzma
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from media.providers.turn_teacher.language_model import check_model, end_probability, find_model


class Teacher:
    """One thread of llama.cpp. Raises TeacherError without the dependency group `model`, and for another model file."""

    def __init__(self) -> None:
        model = check_model(find_model())
        params: Any = importlib.import_module("xllamacpp").CommonParams()
        params.model.path = str(model)
        params.offline = True
        params.warmup = False
        params.n_ctx = 1024
        params.n_parallel = 1
        params.verbosity = -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self._server: Any = importlib.import_module("xllamacpp").Server(params)

    def probability(self, words: Sequence[str]) -> float:
        """P(end) after these words."""
        return end_probability(self._server, " ".join(words))

    def probabilities(self, words: Sequence[str]) -> list[float]:
        """P(end) after the first word, the first two, ... and all of them."""
        return [self.probability(words[:count]) for count in range(1, len(words) + 1)]


def write_labels(path: Path, labels: Iterable[tuple[Sequence[str], Sequence[float]]]) -> None:
    """One utterance a line: its words, a tab, P(end) after each of them."""
    lines = (" ".join(words) + "\t" + " ".join(f"{each:.3f}" for each in found) for words, found in labels)
    path.write_bytes(lzma.compress(("\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME))


def read_labels(path: Path) -> dict[tuple[str, ...], tuple[float, ...]]:
    """What `write_labels` wrote, by the words."""
    labels = {}
    for line in lzma.decompress(path.read_bytes()).decode().splitlines():
        words, _, found = line.partition("\t")
        labels[tuple(words.split())] = tuple(float(each) for each in found.split())
    return labels
