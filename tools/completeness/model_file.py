"""Writes a trained network as the file that media/turn/completeness.py loads."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from media.turn import completeness_features as features
from tools.completeness.calibration import LogitScale
from tools.completeness.network import Network

_TABLES = ("ngrams", "words", "endings")
_LARGEST = 127
# Weights beyond this share of all are cut off, so that a few large ones do not make the rest coarse.
_WITHIN = 0.9999


def pack_network(network: Network, scale: LogitScale, language: str) -> dict[str, npt.NDArray[np.generic]]:
    """Tables as 8-bit numbers, layers as 16-bit ones."""
    packed: dict[str, npt.NDArray[np.generic]] = {}
    for name, values in network.weights.items():
        if name not in _TABLES:
            packed[name] = values.astype(np.float16)
            continue
        used = np.abs(values[values != 0])
        step = float(np.quantile(used, _WITHIN)) / _LARGEST if used.size else 1.0
        packed[name] = np.clip(np.rint(values / step), -_LARGEST, _LARGEST).astype(np.int8)
        packed[f"{name}_scale"] = np.array(step, dtype=np.float32)
    packed["calibration"] = np.array([scale.slope, scale.offset], dtype=np.float64)
    packed["format"] = np.array(features.FORMAT)
    packed["language"] = np.array(language)
    return packed


def write_model(path: Path, packed: dict[str, npt.NDArray[np.generic]]) -> None:
    """Always the same bytes for the same weights."""
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **packed)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as it is pinned."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
