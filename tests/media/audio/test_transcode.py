"""Conversion between streams' encodings and mu-law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio import alaw, mulaw
from media.audio.g722 import G722Decoder
from media.audio.transcode import Transcoder

CODES = bytes(range(256))


def test_mu_law_is_passed_without_a_copy() -> None:
    transcoder = Transcoder("PCMU", 8000)
    assert transcoder.to_ulaw(CODES) is CODES
    assert transcoder.from_ulaw(CODES) is CODES


def test_a_law_is_converted() -> None:
    transcoder = Transcoder("PCMA", 8000)
    assert transcoder.to_ulaw(CODES) == alaw.to_ulaw(CODES)
    assert transcoder.from_ulaw(CODES) == alaw.from_ulaw(CODES)


def test_linear_at_8_khz_with_odd_chunks() -> None:
    transcoder = Transcoder("L16", 8000)
    pcm = mulaw.decode(CODES)
    out = transcoder.to_ulaw(pcm[:7]) + transcoder.to_ulaw(pcm[7:])
    assert out == mulaw.encode(pcm)
    assert transcoder.from_ulaw(CODES) == pcm


@pytest.mark.parametrize("rate", [16000, 24000, 32000, 48000])
def test_linear_at_higher_rates_keeps_time_and_sound(rate: int) -> None:
    transcoder = Transcoder("L16", rate)
    factor = rate // 8000
    ulaw = mulaw.encode((9000 * np.sin(np.arange(1600) * 0.4)).astype("<i2").tobytes())
    linear = transcoder.from_ulaw(ulaw)
    assert len(linear) == 2 * factor * len(ulaw)
    back = transcoder.to_ulaw(linear)
    assert len(back) == len(ulaw)
    old, new = (np.frombuffer(mulaw.decode(sound), "<i2").astype(float) for sound in (ulaw, back))
    delay = 32  # samples: 2 ms each way
    error = new[delay + 64 :] - old[64:-delay]
    assert np.sqrt(np.mean(error**2)) < 0.03 * np.sqrt(np.mean(old**2))


def test_directions_have_separate_states() -> None:
    used, unused = Transcoder("L16", 16000), Transcoder("L16", 16000)
    loud = np.full(640, 20000, "<i2").tobytes()
    used.to_ulaw(loud)
    assert used.from_ulaw(CODES) == unused.from_ulaw(CODES)


def test_what_is_sent_is_independent_of_what_is_received() -> None:
    received_a_law = Transcoder("PCMA", 8000, "PCMU")
    assert received_a_law.to_ulaw(CODES) == alaw.to_ulaw(CODES)
    assert received_a_law.from_ulaw(CODES) == CODES
    received_g722 = Transcoder("G722", 8000, "PCMU")
    assert received_g722.to_ulaw(CODES) == mulaw.encode(G722Decoder().process(CODES))
    assert received_g722.from_ulaw(CODES) == CODES


def test_g722_is_not_sent() -> None:
    with pytest.raises(ValueError, match="G722"):
        Transcoder("G722", 8000)


@pytest.mark.parametrize(
    ("encoding", "rate"), [("PCMU", 16000), ("PCMA", 16000), ("L16", 44100), ("L16", 0), ("OPUS", 16000), ("", 8000)]
)
def test_other_formats_are_refused(encoding: str, rate: int) -> None:
    with pytest.raises(ValueError, match=f"{encoding} at {rate} Hz"):
        Transcoder(encoding, rate)


@given(
    st.lists(st.binary(max_size=500)), st.sampled_from([("PCMU", 8000), ("PCMA", 8000), ("L16", 8000), ("L16", 16000)])
)
def test_any_chunks_are_converted_both_ways(chunks: list[bytes], form: tuple[str, int]) -> None:
    encoding, rate = form
    transcoder = Transcoder(encoding, rate)
    inward = b"".join(transcoder.to_ulaw(chunk) for chunk in chunks)
    outward = b"".join(transcoder.from_ulaw(chunk) for chunk in chunks)
    total = sum(map(len, chunks))
    width = 1 if encoding != "L16" else 2 * rate // 8000
    assert len(inward) == -(-(total // min(width, 2)) // max(1, width // 2))
    assert len(outward) == total * width
