"""A model that estimates from the words alone the probability that the caller has finished.

The model is a small network over hashed words (docs/develop/turn-model.md). It takes about 0.2 ms for a text, in numpy,
and needs no thread and no file after it is loaded. Punctuation at the end is ignored, because recognizers end nearly
every fragment with a full stop. Punctuation between words shows where a sentence begins.
"""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from media.turn import completeness_features as features
from media.turn.expected_reply import ExpectedReply
from media.turn.onnx_models import ModelError

Floats = npt.NDArray[np.float32]
# The English model, made by tools/completeness.
COMPLETENESS_EN: Final = Path(__file__).parent / "data" / "completeness_en.npz"
COMPLETENESS_EN_SHA256: Final = "122b4996a165ca2457d2e9c2b6c5bc6cbc07b2dc0e0e604e7c1caee709ba26b9"
MAX_FILE_BYTES: Final = 8 << 20
_WORD_PLACES = features.LAST_WORDS + features.FIRST_WORDS
# Tables that are stored as 8-bit numbers with one scale each.
_TABLES = {
    "ngrams": features.NGRAM_BUCKETS,
    "words": features.WORD_BUCKETS,
    "endings": features.ENDING_BUCKETS,
}
_LAYERS = ("hidden1", "bias1", "hidden2", "bias2", "out", "bias")
_FURTHEST_LOGIT = 30.0


class CompletenessModel:
    """The model of one language. It keeps no state between texts, so all calls of a process share it.

    Args:
        weights: Arrays by name: the 8-bit tables `ngrams`, `words` and `endings`, `<table>_scale`, the layers,
            `calibration` (slope and offset of the logit), `format`, and `language`. Raises ModelError if one is missing
            or has another shape.
    """

    def __init__(self, weights: dict[str, npt.NDArray[np.generic]]) -> None:
        _check_shapes(weights)
        self.language = str(weights["language"])
        self._tables = {name: weights[name] for name in _TABLES}
        self._scales = {name: float(weights[f"{name}_scale"]) for name in _TABLES}
        self._layers = {name: weights[name].astype(np.float32) for name in _LAYERS}
        slope, offset = weights["calibration"].astype(np.float64)
        self._slope, self._offset = float(slope), float(offset)

    def supports(self, language: str) -> bool:
        """Return whether the model can judge texts in a language (a code such as "en" or "en-GB")."""
        return language.partition("-")[0].lower() == self.language

    def probabilities(
        self, texts: Sequence[str], *, language: str = "en", asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        """Return, for each text of a caller's turn, the probability (0 to 1) that the words end here. Returns 0 for a
        text without words.

        The model is calibrated for equal numbers of finished and unfinished texts, and reads the last 1,000 characters
        of a text.

        Args:
            asked: The kind of reply that the agent expects.

        Raises:
            ValueError: The language is not supported.
        """
        if not self.supports(language):
            raise ValueError(f"language: {language} has no completeness model, only {self.language}")
        spoken = [features.last_words(text) for text in texts]
        found = [features.extract_features(words, asked) for words in spoken if words]
        chances = iter(self._judge(found)) if found else iter(())
        return [next(chances) if words else 0.0 for words in spoken]

    def _judge(self, found: Sequence[features.CompletenessFeatures]) -> list[float]:
        logits = self._slope * self._logits(found) + self._offset
        chances: list[float] = (1 / (1 + np.exp(-np.clip(logits, -_FURTHEST_LOGIT, _FURTHEST_LOGIT)))).tolist()
        return chances

    def _logits(self, found: Sequence[features.CompletenessFeatures]) -> Floats:
        words = self._embed("words", [each.words for each in found])
        endings = self._embed("endings", [each.endings for each in found])
        counts = np.array([each.counts for each in found], dtype=np.float32)
        layers = self._layers
        inputs = np.concatenate([words, endings, counts], axis=1)
        first: Floats = np.maximum(inputs @ layers["hidden1"] + layers["bias1"], 0)
        second: Floats = np.maximum(first @ layers["hidden2"] + layers["bias2"], 0)
        ngrams: Floats = self._embed("ngrams", [each.ngrams for each in found]).sum(axis=1)
        logits: Floats = second @ layers["out"] + layers["bias"] + ngrams
        return logits

    def _embed(self, table: str, places: list[list[int]]) -> Floats:
        rows: Floats = self._tables[table][np.array(places)].astype(np.float32)
        scaled: Floats = rows.reshape(len(places), -1) * np.float32(self._scales[table])
        return scaled


def load_completeness_model(path: Path | None = None, *, sha256: str = COMPLETENESS_EN_SHA256) -> CompletenessModel:
    """Load the model of this package, or the model of a file with the given SHA-256. Each is loaded once per process.

    Raises ModelError if the file is missing, too large, not the expected one, or not a completeness model.
    """
    path = path or COMPLETENESS_EN
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path.name}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"{path.name}: larger than {MAX_FILE_BYTES} bytes")
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256.lower():
        raise ModelError(f"{path.name}: its SHA-256 is {digest}, expected {sha256}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return CompletenessModel(dict(stored))
    except (ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.name}: not a completeness model: {error}") from error


def _check_shapes(weights: dict[str, npt.NDArray[np.generic]]) -> None:
    scales = [f"{name}_scale" for name in _TABLES]
    wanted = (*_TABLES, *scales, *_LAYERS, "calibration", "format", "language")
    if missing := sorted(set(wanted) - set(weights)):
        raise ModelError(f"completeness model: lacks {', '.join(missing)}")
    if weights["format"].tolist() != features.FORMAT:
        raise ModelError(f"completeness model: format {weights['format'].tolist()}, expected {features.FORMAT}")
    shapes = {name: weights[name].shape for name in (*_TABLES, *_LAYERS, "calibration")}
    words, endings, hidden1, hidden2 = (
        shapes[name][-1] if shapes[name] else 0 for name in ("words", "endings", "hidden1", "hidden2")
    )
    expected = {
        "ngrams": (features.NGRAM_BUCKETS,),
        "words": (features.WORD_BUCKETS, words),
        "endings": (features.ENDING_BUCKETS, endings),
        "hidden1": (_WORD_PLACES * words + features.ENDINGS * endings + features.COUNTS, hidden1),
        "bias1": (hidden1,),
        "hidden2": (hidden1, hidden2),
        "bias2": (hidden2,),
        "out": (hidden2,),
        "bias": (1,),
        "calibration": (2,),
    }
    if wrong := [name for name, shape in expected.items() if shapes[name] != shape]:
        raise ModelError(f"completeness model: {wrong[0]} is {shapes[wrong[0]]}, expected {expected[wrong[0]]}")
