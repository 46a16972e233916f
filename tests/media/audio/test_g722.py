"""G.722: the library against its published vector, and our decoder against what was encoded."""

from array import array
from base64 import b64decode
from hashlib import sha256

import numpy as np
import pytest
from G722 import G722  # type: ignore[import-not-found, import-untyped, unused-ignore]  # ships no types
from numpy.typing import NDArray

from media.audio.g722 import G722Decoder

# test_data/fullscale.g722 of libg722 (public domain), on which a decoder's sums saturate. ITU-T's own sequences
# (G.722, Appendix II) are not free to be copied; the library is built from code that passes them.
FULL_SCALE = b64decode(
    "tIYiiSOSoKAgrUbExNKi4OBxxsTF1+LgYXbGxIac4uBi+8fFiN3k4ePdyMaJ/+TiZf7Ihor65eNn38uIivvm42j9zIiL9+bkZ9/NiYz76ORo/UuK"
    "jf6q5mrfTovP/Kpo6txOy5De6+ls/M7LkJ3t6m3+zsyOv+9rbv3RzI+78elu/NPNkNvu7G39086QmfLtbt/VjZBYsm3v39jNkdvx7XG6VM+T3Lht"
    "cPtRj9OZ//FyXdHNkNS9cXXa0s6O1dz3fNtOjMqY1fpf2czKjtKZfXrWj83MkN70edjQzY7Y2/B229eO0dO2eHOc1tGO3d9v+vjYjdPc3+959pXR"
    "lNb083j0l9OU1rR1dfuU09aY/PB0/9TQlNb19XX/lVKS3L508trZjtfa/vT1W9aPlle7fPXZ0dCQ2f55+djRkNHZ/fh71JTNlde5fX2Z0M6W2dx6"
    "/9fSkM/52Px41tKQkv/Z91zYktKX3N/zWt/TlNK7/PR52JNYkvj4816fV5HXt3zw+VnT15rf8fZ715hPvdzz9XmaUdWY/K97+FzP3JLx9vd52NKX"
    "3fu0b1u+TpzV9vH2e9TVlNryt3R205rS/Pf57lrcz5+cX6td99HWmdj18fTd1dTTufry91yW0pjZ8rRzV5zO3Jn079t10NKb/vu4cFmP2dI="
)
PUBLISHED_SHA256 = "e70c92cd2068d112839db12bfaa787cc0ea9a809b64fbf62fd78b6041cd9fbcc"


def test_library_decodes_its_published_vector() -> None:
    decoded = G722(16_000, 64_000, False).decode(FULL_SCALE).tobytes()
    assert sha256(decoded).hexdigest() == PUBLISHED_SHA256


def encoded_tone(hz: int) -> tuple[bytes, NDArray[np.int16]]:
    """A second of a tone as a phone encodes it, at 16 kHz, and the same tone at 8 kHz."""
    wide = (8_000 * np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000)).astype(np.int16)
    return bytes(G722(16_000, 64_000, False).encode(array("h", wide.tobytes()))), wide[::2]


@pytest.mark.parametrize("hz", [300, 1_000, 3_000])
def test_tones_of_the_telephone_band_keep_pitch_and_level(hz: int) -> None:
    encoded, tone = encoded_tone(hz)
    decoded = np.frombuffer(G722Decoder().process(encoded), "<i2")
    assert len(decoded) == len(tone)
    spectrum = np.abs(np.fft.rfft(decoded[1_000:5_000].astype(float)))
    assert np.argmax(spectrum) * 8_000 / 4_000 == hz
    level = np.std(decoded[1_000:].astype(float)) / np.std(tone.astype(float))
    assert level == pytest.approx(1, abs=0.05)


def test_tone_above_the_band_is_not_heard() -> None:
    encoded, tone = encoded_tone(6_000)
    decoded = np.frombuffer(G722Decoder().process(encoded), "<i2")
    assert np.std(decoded[1_000:].astype(float)) < 0.02 * np.std(tone.astype(float))


def test_pieces_are_decoded_like_the_whole() -> None:
    encoded, _ = encoded_tone(440)
    decoder, whole = G722Decoder(), G722Decoder().process(encoded)
    pieces = [encoded[:7], b"", encoded[7:160], encoded[160:]]
    assert b"".join(map(decoder.process, pieces)) == whole
