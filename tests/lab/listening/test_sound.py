"""Arithmetic of recordings, on made sound."""

import numpy as np
import pytest

from lab.listening.sound import (
    PER_MS,
    RATE,
    Samples,
    active_level,
    at_level,
    block_levels,
    first_clear_ms,
    room_noise,
    to_frames,
    trim,
)


def tone(ms: int, level: float = 0.1) -> Samples:
    return (level * np.sin(2 * np.pi * 440 * np.arange(ms * PER_MS) / RATE)).astype(np.float32)


def silence(ms: int) -> Samples:
    return np.zeros(ms * PER_MS, np.float32)


def test_trim_keeps_exactly_the_voice() -> None:
    assert len(trim(np.concatenate([silence(300), tone(500), silence(700)]))) == 500 * PER_MS


def test_trim_takes_soft_noise_behind_the_voice_for_the_room() -> None:
    room = np.random.default_rng(1).standard_normal(400 * PER_MS).astype(np.float32) * np.float32(0.002)
    assert len(trim(np.concatenate([room, tone(500), room]))) == 500 * PER_MS


def test_trim_of_less_than_a_block_is_empty() -> None:
    assert len(trim(silence(9))) == 0


def test_a_soft_consonant_is_no_clear_voice_yet() -> None:
    consonant, vowel = tone(60, 0.01), tone(500)
    assert first_clear_ms(np.concatenate([consonant, vowel])) == 60
    assert first_clear_ms(vowel) == 0
    assert first_clear_ms(silence(9)) == 0


@pytest.mark.parametrize("level_db", [-26.0, -53.0])
def test_at_level_reaches_the_level_without_counting_pauses(level_db: float) -> None:
    speech = np.concatenate([tone(400), silence(2_000), tone(400)])
    assert active_level(at_level(speech, level_db)) == pytest.approx(level_db, abs=0.1)


@pytest.mark.parametrize(("level", "expected"), [(0.0, -65.0), (0.001, -60.0), (0.5, -48.0)])
def test_room_noise_has_the_level_of_the_softest_part_within_bounds(level: float, expected: float) -> None:
    room = np.random.default_rng(2).standard_normal(500 * PER_MS).astype(np.float32) * np.float32(level)
    noise = room_noise(np.concatenate([tone(3_000, 0.9), room]), 1_000, seed=3)
    assert len(noise) == 1_000 * PER_MS
    assert 10 * np.log10(np.mean(noise.astype(float) ** 2)) == pytest.approx(expected, abs=1.5)


def test_room_noise_is_the_same_for_the_same_seed_only() -> None:
    speech = tone(1_000)
    assert (room_noise(speech, 100, 1) == room_noise(speech, 100, 1)).all()
    assert (room_noise(speech, 100, 1) != room_noise(speech, 100, 2)).any()


def test_frames_are_of_20_ms_and_the_last_is_filled_up() -> None:
    frames = to_frames(tone(50))
    assert [len(frame) for frame in frames] == [160, 160, 160]
    assert frames[-1][80:] == b"\xff" * 80


def test_block_levels_are_of_10_ms() -> None:
    assert len(block_levels(tone(95))) == 9
