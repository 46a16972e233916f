"""Training on a tiny sample, from texts to a file that loads."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from media.turn.completeness import load_completeness_model
from tools.completeness import corpus, recipe
from tools.completeness.__main__ import SUM_ORDER, main
from tools.completeness.calibration import LogitScale, area_under_curve
from tools.completeness.evaluation import judge
from tools.completeness.model_file import digest_of, pack_network, write_model
from tools.completeness.network import Network, Rates, encode
from tools.completeness.recipe import Recipe, train_model
from tools.completeness.teacher import read_labels

TINY = Recipe(sources=("nlupp",), most=250, generated=120, epochs=2)


def test_a_tiny_recipe_makes_a_model_that_knows_more_than_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"
    digest = train_model(path, TINY)
    model = load_completeness_model(path, sha256=digest)
    cuts = corpus.pair_cuts(corpus.read_part(("nlupp",), "test"), random.Random(0))
    assert area_under_curve(judge(model, cuts), [cut.label for cut in cuts]) > 0.7


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    packed = pack_network(Network.random(1), LogitScale(1.0, 0.0), "en")
    for name in ("one", "two"):
        write_model(tmp_path / name, packed)
    assert digest_of(tmp_path / "one") == digest_of(tmp_path / "two")


@pytest.mark.parametrize("threads", ["2", None])
def test_the_command_adds_in_one_thread_and_with_one_kind_of_kernel(
    monkeypatch: pytest.MonkeyPatch, threads: str | None
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    def execve(_: str, command: list[str], environment: dict[str, str]) -> None:
        started.append((command, environment))
        raise SystemExit(0)

    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if threads:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(sys, "argv", ["tools.completeness", "train", "model.npz"])
    with pytest.raises(SystemExit):
        main()
    ((command, environment),) = started
    assert command[1:] == ["-m", "tools.completeness", "train", "model.npz"]
    assert environment == os.environ | SUM_ORDER


def test_a_command_that_is_not_there_is_explained_where_the_order_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SUM_ORDER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["tools.completeness", "paint"])
    with pytest.raises(SystemExit, match="Makes the completeness model anew"):
        main()


def test_the_file_says_what_the_network_says(tmp_path: Path) -> None:
    cuts = corpus.pair_cuts(corpus.read_part(("nlupp",), "test")[:60], random.Random(0))
    examples, network = encode(cuts), Network.random(2)
    network.train_epoch(examples, np.random.default_rng(2), Rates(), batch=16)
    write_model(tmp_path / "model", pack_network(network, LogitScale(1.0, 0.0), "en"))
    model = load_completeness_model(tmp_path / "model", sha256=digest_of(tmp_path / "model"))
    exact = 1 / (1 + np.exp(-network.logits(examples)))
    assert judge(model, cuts) == pytest.approx(exact.tolist(), abs=0.03)


def test_what_is_learned_by_heart_is_known() -> None:
    cuts = corpus.pair_cuts(corpus.read_part(("nlupp",), "test")[:40], random.Random(0))
    examples, network, order = encode(cuts), Network.random(3), np.random.default_rng(3)
    losses = [network.train_epoch(examples, order, Rates(hidden_words=0.0), batch=16) for _ in range(8)]
    assert losses[-1] < losses[0] / 4
    assert area_under_curve(network.logits(examples), examples.labels) > 0.99


def test_the_teachers_labels_are_of_whole_utterances() -> None:
    labels = read_labels(recipe.LABELS)
    assert len(labels) > 3_000
    assert all(len(words) == len(chances) and max(chances) <= 1.001 for words, chances in labels.items())
    tested = recipe.asked_about(corpus.read_part(corpus.IN_DOMAIN[:2], "test"), labels)
    assert area_under_curve(*recipe.teacher_pairs(tested, labels)) > 0.85
