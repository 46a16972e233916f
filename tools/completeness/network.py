"""The completeness model's training: a linear model over n-grams and a small network over embedded words, together.

    logit = sum of n-gram weights + out . relu(hidden2 . relu(hidden1 . [words, endings, counts]))

Trained by Adagrad in batches, in numpy, one thread.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from media.turn import completeness_features as features
from tools.completeness.corpus import Cut

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
WORD_SIZE, ENDING_SIZE, HIDDEN1, HIDDEN2 = 16, 8, 64, 16
WORDS = features.LAST_WORDS + features.FIRST_WORDS
INPUT = WORDS * WORD_SIZE + features.ENDINGS * ENDING_SIZE + features.COUNTS


@dataclass(slots=True)
class Examples:
    """Cuts as arrays: places (n, NGRAMS), (n, words), (n, endings), counts, labels and weights."""

    ngrams: Places
    words: Places
    endings: Places
    counts: Floats
    labels: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Places) -> "Examples":
        return Examples(*(getattr(self, name)[rows] for name in self.__slots__))


def encode(cuts: Sequence[Cut]) -> Examples:
    """Raises ValueError without cuts."""
    found = [features.extract_features(features.last_words(" ".join(cut.words)), cut.asked) for cut in cuts]
    return Examples(
        np.array([each.ngrams for each in found], dtype=np.int64),
        np.array([each.words for each in found], dtype=np.int64),
        np.array([each.endings for each in found], dtype=np.int64),
        np.array([each.counts for each in found], dtype=np.float32),
        np.array([cut.label for cut in cuts], dtype=np.float32),
        np.array([cut.weight for cut in cuts], dtype=np.float32),
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates, decay of the n-gram weights per step in which they occur, and share of words hidden."""

    dense: float = 0.02
    sparse: float = 0.05
    decay: float = 1e-5
    hidden_words: float = 0.1


@dataclass(slots=True)
class Network:
    """weights: by name; the file of media/turn/completeness.py has the same names."""

    weights: dict[str, Floats]
    _squares: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def random(cls, seed: int) -> "Network":
        random = np.random.default_rng(seed)

        def normal(*shape: int, scale: float) -> Floats:
            return (random.standard_normal(shape) * scale).astype(np.float32)

        return cls(
            {
                "ngrams": np.zeros(features.NGRAM_BUCKETS, np.float32),
                "words": normal(features.WORD_BUCKETS, WORD_SIZE, scale=0.1),
                "endings": normal(features.ENDING_BUCKETS, ENDING_SIZE, scale=0.1),
                "hidden1": normal(INPUT, HIDDEN1, scale=INPUT**-0.5),
                "bias1": np.zeros(HIDDEN1, np.float32),
                "hidden2": normal(HIDDEN1, HIDDEN2, scale=HIDDEN1**-0.5),
                "bias2": np.zeros(HIDDEN2, np.float32),
                "out": normal(HIDDEN2, scale=HIDDEN2**-0.5),
                "bias": np.zeros(1, np.float32),
            }
        )

    def logits(self, examples: Examples) -> Floats:
        return np.concatenate([self._forward(batch)[-1] for batch in _batches(examples, 4096)])

    def train_epoch(self, examples: Examples, random: np.random.Generator, rates: Rates, batch: int = 512) -> float:
        """Returns the mean loss."""
        shuffled = examples.take(random.permutation(len(examples)))
        losses = [self._step(each, random, rates) for each in _batches(shuffled, batch)]
        return float(np.mean(losses))

    def _forward(self, batch: Examples) -> tuple[Floats, Floats, Floats, Floats]:
        weights, size = self.weights, len(batch)
        embedded = [weights[name][getattr(batch, name)].reshape(size, -1) for name in ("words", "endings")]
        inputs = np.concatenate([*embedded, batch.counts], axis=1)
        first = np.maximum(inputs @ weights["hidden1"] + weights["bias1"], 0)
        second = np.maximum(first @ weights["hidden2"] + weights["bias2"], 0)
        logits = second @ weights["out"] + weights["bias"] + weights["ngrams"][batch.ngrams].sum(axis=1)
        return inputs, first, second, logits

    def _step(self, batch: Examples, random: np.random.Generator, rates: Rates) -> float:
        hidden = random.random(batch.words.shape) < rates.hidden_words
        batch = Examples(
            batch.ngrams, np.where(hidden, 0, batch.words), batch.endings, batch.counts, batch.labels, batch.weights
        )
        inputs, first, second, logits = self._forward(batch)
        chance = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        slope = (chance - batch.labels) * batch.weights / len(batch)
        self._learn(batch, inputs, first, second, slope.astype(np.float32), rates)
        wrong = batch.labels * np.log(chance + 1e-9) + (1 - batch.labels) * np.log(1 - chance + 1e-9)
        return float(-np.average(wrong, weights=batch.weights))

    def _learn(
        self, batch: Examples, inputs: Floats, first: Floats, second: Floats, slope: Floats, rates: Rates
    ) -> None:
        weights = self.weights
        slope2: Floats = slope[:, None] * weights["out"] * (second > 0)
        slope1: Floats = (slope2 @ weights["hidden2"].T) * (first > 0)
        slope0: Floats = slope1 @ weights["hidden1"].T
        split = WORDS * WORD_SIZE
        size = len(batch)
        self._learn_rows("words", batch.words, slope0[:, :split].reshape(size, WORDS, -1), rates.sparse)
        end = split + features.ENDINGS * ENDING_SIZE
        self._learn_rows(
            "endings", batch.endings, slope0[:, split:end].reshape(size, features.ENDINGS, -1), rates.sparse
        )
        self._learn_rows(
            "ngrams", batch.ngrams, np.repeat(slope[:, None], features.NGRAMS, axis=1), rates.sparse, rates.decay
        )
        for name, gradient in (
            ("hidden1", inputs.T @ slope1),
            ("bias1", slope1.sum(axis=0)),
            ("hidden2", first.T @ slope2),
            ("bias2", slope2.sum(axis=0)),
            ("out", second.T @ slope),
            ("bias", slope.sum(keepdims=True)),
        ):
            square = self._square(name)
            square += gradient**2
            weights[name] -= rates.dense * gradient / np.sqrt(square)

    def _learn_rows(self, name: str, places: Places, gradient: Floats, rate: float, decay: float = 0.0) -> None:
        """Adagrad for the rows that occur in the batch only."""
        rows, order = np.unique(places, return_inverse=True)
        flat = gradient.reshape(places.size, -1)
        sums = np.zeros((len(rows), flat.shape[1]), np.float32)
        for column in range(flat.shape[1]):
            sums[:, column] = np.bincount(order.ravel(), weights=flat[:, column], minlength=len(rows))
        target = self.weights[name].reshape(len(self.weights[name]), -1)
        square = self._square(name).reshape(len(target), -1)
        sums += decay * target[rows]
        square[rows] += sums**2
        target[rows] -= rate * sums / np.sqrt(square[rows])

    def _square(self, name: str) -> Floats:
        """The sum of squared gradients, which begins above 0 so that the first steps are small."""
        if name not in self._squares:
            self._squares[name] = np.full_like(self.weights[name], 1e-6)
        return self._squares[name]


def _batches(examples: Examples, size: int) -> Iterator[Examples]:
    for start in range(0, len(examples), size):
        yield examples.take(np.arange(start, min(start + size, len(examples))))
