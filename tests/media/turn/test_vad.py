"""Voice activity on real speech at phone band, in silence and in noise; all noise is seeded."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.audio.framer import FRAME_MS
from media.turn.onnx_models import SILERO
from media.turn.speech_detector import WINDOW_MS
from media.turn.vad import MAX_WAITING, ONSET_MS, VadEngine, VoiceTrack
from tests.media.turn.waves import RATE, Wave, frames, noise, read_speech, silence

SILENT_FRAME = bytes(320)


@pytest.fixture(scope="module")
def speech() -> Wave:
    return read_speech()


@pytest.fixture
def engine() -> VadEngine:
    return VadEngine(SILERO)


def listen(engine: VadEngine, track: VoiceTrack, wave: Wave) -> list[tuple[bool, int]]:
    """Returns (speaking, last_voice_ms) after each frame; the engine runs after each."""
    return listen_to_frames(engine, track, frames(wave))


def listen_to_frames(engine: VadEngine, track: VoiceTrack, pieces: list[bytes]) -> list[tuple[bool, int]]:
    heard = []
    for frame in pieces:
        track.push(frame)
        engine.run()
        heard.append((track.speaking, track.last_voice_ms))
    return heard


def first_ms(heard: list[tuple[bool, int]]) -> int:
    return 20 * ([speaking for speaking, _ in heard].index(True) + 1)


def starts(heard: list[tuple[bool, int]]) -> int:
    flags = [False, *(speaking for speaking, _ in heard)]
    return sum(after and not before for before, after in itertools.pairwise(flags))


# --- real speech ---


def test_the_first_phrase_is_found_with_its_pause(engine: VadEngine, speech: Wave) -> None:
    track = engine.track()
    heard = listen(engine, track, speech[: 3_100 * 8])
    assert 300 <= first_ms(heard) <= 500
    assert not heard[-1][0]
    assert 2_000 <= track.last_voice_ms <= 2_250
    assert track.voiced_ms > 800 and abs(track.onset_ms - 320) <= 30


@pytest.mark.parametrize("cut_ms", [900, 1_400, 1_800, 4_200, 5_700, 6_500, 8_700, 10_000])
def test_true_end_is_found_within_20_ms_and_speech_ends_within_140_ms(
    engine: VadEngine, speech: Wave, cut_ms: int
) -> None:
    heard = listen(engine, engine.track(), np.concatenate([speech[: cut_ms * 8], silence(600)]))
    end = heard[-1][1]
    loud = np.abs(speech[: cut_ms * 8]) > 0.02
    true_end = (np.flatnonzero(loud)[-1] + 1) / 8
    assert abs(end - true_end) <= 20
    last = 20 * max(at for at, (speaking, _) in enumerate(heard) if speaking)
    assert last - true_end <= 140


@pytest.mark.parametrize("color", [0.0, 1.0])
@pytest.mark.parametrize("snr_db", [20, 15, 10])
def test_speech_is_found_in_noise_and_noise_is_no_speech(
    engine: VadEngine, speech: Wave, color: float, snr_db: int
) -> None:
    phrase = speech[300 * 8 : 2_100 * 8]
    level = float(np.sqrt((phrase**2).mean())) * 10 ** (-snr_db / 20)
    wave = np.concatenate([silence(2_000), phrase, silence(2_000)])
    heard = listen(engine, engine.track(), wave + noise(len(wave) // 8, level, 7, color=color))
    assert 2_000 < first_ms(heard) <= 2_260
    assert not heard[-1][0]
    assert abs(heard[-1][1] - 3_800) <= 200


# --- who speaks: levels are of full scale, of the RMS of the phrase ---


def at_level(wave: Wave, level_db: float) -> Wave:
    scaled: Wave = wave * (10 ** (level_db / 20) / wave.std())
    return scaled


@pytest.mark.parametrize("floor_db", [-90, -70, -62])
@pytest.mark.parametrize("level_db", [-48, -53])
def test_quiet_caller_is_heard(engine: VadEngine, speech: Wave, level_db: int, floor_db: int) -> None:
    phrase = at_level(speech[300 * 8 : 2_100 * 8], level_db)
    wave = np.concatenate([silence(1_000), phrase, silence(1_200)])
    heard = listen(engine, engine.track(), wave + noise(len(wave) // 8, 10 ** (floor_db / 20), 5))
    assert 1_000 < first_ms(heard) <= 1_500
    assert not heard[-1][0] and abs(heard[-1][1] - 2_800) <= 250


def test_a_key_pressed_before_does_not_keep_out_a_quiet_caller(engine: VadEngine, speech: Wave) -> None:
    time = np.arange(300 * 8) / RATE
    key = 0.2 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1_336 * time))
    wave = np.concatenate([key, silence(3_200), at_level(speech[300 * 8 : 2_100 * 8], -53), silence(500)])
    assert 3_500 < first_ms(listen(engine, engine.track(), wave)) <= 3_760


@pytest.mark.parametrize("pause_ms", [100, 900])
def test_a_voice_20_db_down_never_takes_the_floor(engine: VadEngine, speech: Wave, pause_ms: int) -> None:
    phrase = at_level(speech[300 * 8 : 2_100 * 8], -20)
    distant = at_level(speech[3_200 * 8 : 10_700 * 8], -40)
    wave = np.concatenate([silence(300), phrase, silence(pause_ms), distant, silence(300), phrase])
    heard = listen(engine, engine.track(), wave + noise(len(wave) // 8, 10 ** (-68 / 20), 5))
    distant_begins = (2_100 + pause_ms) // 20
    assert starts(heard[:distant_begins]) >= 1
    assert starts(heard[distant_begins : distant_begins + 375]) <= (pause_ms < 300)  # the end of the caller's words
    assert not any(speaking for speaking, _ in heard[distant_begins + 30 : distant_begins + 375])
    assert any(speaking for speaking, _ in heard[distant_begins + 400 :])


def make_babble(speech: Wave, length: int) -> Wave:
    """Eight voices."""
    draw = np.random.default_rng(2)
    voices = [np.roll(speech, int(draw.integers(len(speech)))) for _ in range(8)]
    return np.resize(np.sum(voices, axis=0), length)


def test_caller_in_babble_is_heard_and_the_babble_is_not(engine: VadEngine, speech: Wave) -> None:
    """Eight voices, 12 dB under the caller's. Before the caller has spoken nobody can tell which voice is theirs."""
    phrase = at_level(speech[300 * 8 : 2_100 * 8], -20)
    wave = np.concatenate([phrase, silence(2_500)] * 4)
    babble = at_level(make_babble(speech, len(wave)), -32)
    heard = listen(engine, engine.track(), wave + babble)
    for turn in range(1, 4):
        begins = turn * 4_300 // 20
        said, after = heard[begins : begins + 90], heard[begins + 110 : begins + 213]
        assert sum(speaking for speaking, _ in said) > 50
        assert not any(speaking for speaking, _ in after)
        assert abs(after[-1][1] - (turn * 4_300 + 1_800)) <= 250


# --- sounds that are not speech ---


@pytest.mark.parametrize("color", [0.0, 1.0])
@pytest.mark.parametrize("level_db", [-55, -40, -25])
def test_noise_alone_is_never_speech(engine: VadEngine, color: float, level_db: int) -> None:
    wave = noise(12_000, 10 ** (level_db / 20), 11, color=color)
    assert starts(listen(engine, engine.track(), wave)) == 0


def test_keys_tones_and_clicks_are_never_speech(engine: VadEngine) -> None:
    time = np.arange(200 * 8) / RATE
    key = 0.2 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1_336 * time))
    ring = 0.1 * np.sin(2 * np.pi * 440 * np.arange(1_500 * 8) / RATE)
    click = noise(20, 0.3, 3) * np.exp(-np.arange(160) / 30)
    parts = [key, silence(150), key, silence(150), ring, silence(300), click, silence(200), click, silence(500)]
    assert starts(listen(engine, engine.track(), np.concatenate(parts * 4))) == 0


def undecided_ms(engine: VadEngine, track: VoiceTrack, wave: Wave) -> list[int]:
    """At which ms of this sound it may have been the beginning of speech."""
    found = []
    for number, frame in enumerate(frames(wave), 1):
        track.push(frame)
        engine.run()
        if track.may_begin():
            found.append(20 * number)
    return found


def test_a_sound_may_be_speech_for_a_moment_and_then_is_or_is_not(engine: VadEngine, speech: Wave) -> None:
    """speech: of a caller who has spoken before."""
    track = engine.track()
    phrase, ring = speech[: 3 * RATE], 0.1 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    listen(engine, track, np.concatenate([phrase, silence(500)]))
    assert undecided_ms(engine, track, silence(500)) == []
    unknown = undecided_ms(engine, track, ring)
    assert unknown[0] <= 40 and ONSET_MS <= unknown[-1] <= 300 and not track.speaking
    listen(engine, track, silence(500))
    word = speech[int(0.3 * RATE) : int(1.3 * RATE)]
    assert undecided_ms(engine, track, word)[0] <= 60 and track.speaking and not track.may_begin()


def test_a_sound_that_waits_in_a_burst_is_still_undecided(engine: VadEngine, speech: Wave) -> None:
    """Its first frames were judged; then the event loop was held up, and the rest comes without a run of the model."""
    track = engine.track()
    listen(engine, track, np.concatenate([speech[: 3 * RATE], silence(500)]))
    word = frames(speech[int(0.3 * RATE) : int(1.3 * RATE)])
    listen_to_frames(engine, track, word[:2])
    assert track.may_begin()
    for frame in word[2:7]:
        track.push(frame)
        assert track.may_begin() or track.speaking


def test_among_other_voices_no_sound_may_be_the_callers(engine: VadEngine, speech: Wave) -> None:
    phrase = at_level(speech[300 * 8 : 2_100 * 8], -20)
    wave = np.concatenate([phrase, silence(2_500)] * 2)
    babble = at_level(make_babble(speech, len(wave)), -32)
    track = engine.track()
    listen(engine, track, wave + babble)
    assert undecided_ms(engine, track, babble) == []


def test_silence_never_runs_the_model(engine: VadEngine) -> None:
    track = engine.track()
    for _ in range(200):
        track.push(SILENT_FRAME)
    assert engine.pending == 0 and engine.run() == 0
    assert track.now_ms == 4_000 and not track.speaking and track.last_voice_ms == 0


# --- the engine ---


def test_batch_gives_each_caller_the_same_result_as_alone(speech: Wave) -> None:
    waves = [speech[at * 8 : (at + 3_000) * 8] for at in (0, 700, 3_000, 5_200, 8_000)]
    alone = []
    for wave in waves:
        engine = VadEngine(SILERO)
        alone.append(listen(engine, engine.track(), wave))
    together = VadEngine(SILERO, max_batch=3)
    tracks = [together.track() for _ in waves]
    heard: list[list[tuple[bool, int]]] = [[] for _ in waves]
    for at in zip(*[frames(wave) for wave in waves], strict=True):
        for track, frame in zip(tracks, at, strict=True):
            track.push(frame)
        together.run()
        for track, log in zip(tracks, heard, strict=True):
            log.append((track.speaking, track.last_voice_ms))
    assert heard == alone


def test_slots_grow_and_are_reused(speech: Wave) -> None:
    engine = VadEngine(SILERO, max_batch=2)
    tracks = [engine.track() for _ in range(9)]
    assert len({track.slot for track in tracks}) == 9
    for track in tracks:
        for frame in frames(speech[500 * 8 : 700 * 8]):
            track.push(frame)
    engine.release(tracks[0])
    judged = engine.run()
    assert judged == 8 * 6 and not tracks[0].speaking and all(track.speaking for track in tracks[1:])
    again = engine.track()
    assert again.slot == tracks[0].slot
    assert first_ms(listen(engine, again, speech[: 1_500 * 8])) <= 500


def test_gate_that_shuts_and_opens_between_runs_queues_a_track_once(engine: VadEngine, speech: Wave) -> None:
    track = engine.track()
    for _ in range(3):
        for frame in [*frames(speech[500 * 8 : 900 * 8]), *[SILENT_FRAME] * 30]:
            track.push(frame)
    for frame in frames(speech[500 * 8 : 900 * 8]):
        track.push(frame)
    assert len(engine.waiting) == 1
    engine.run()
    assert track.speaking and track.last_voice_ms > track.now_ms - 60


# --- bursts: the loop or the carrier was delayed ---

MOST_LATE = (MAX_WAITING + 1) * WINDOW_MS // FRAME_MS + 1


@pytest.fixture(scope="module")
def phrases(speech: Wave) -> list[bytes]:
    """Two phrases, each with silence around it: the gate opens and shuts twice."""
    first, second = speech[300 * 8 : 2_100 * 8], speech[3_200 * 8 : 4_400 * 8]
    return frames(np.concatenate([silence(300), first, silence(900), second, silence(900)]))


def listen_in_bursts(pieces: list[bytes], bursts: list[int]) -> tuple[VoiceTrack, list[tuple[bool, int]]]:
    """As `listen`, but the engine runs only after each burst of so many frames; the rest is the last burst."""
    engine = VadEngine(SILERO)
    track, heard = engine.track(), []
    ends = {*itertools.accumulate(bursts), len(pieces)}
    for at, piece in enumerate(pieces, 1):
        track.push(piece)
        heard.append((track.speaking, track.last_voice_ms))
        if at in ends:
            engine.run()
    return track, heard


@settings(max_examples=25)
@given(bursts=st.lists(st.integers(min_value=1, max_value=210), min_size=1, max_size=40))
@example(bursts=[1_000])
@example(bursts=[10] * 21)
@example(bursts=[25] * 9)
@example(bursts=[50] * 5)
def test_the_same_speech_in_bursts_of_any_size(phrases: list[bytes], bursts: list[int]) -> None:
    engine = VadEngine(SILERO)
    prompt = engine.track()
    heard = listen_to_frames(engine, prompt, phrases)
    assert starts(heard) >= 2
    late, heard_late = listen_in_bursts(phrases, bursts)
    assert late.voiced_ms == prompt.voiced_ms > 200
    assert (late.onset_ms, late.last_voice_ms) == (prompt.onset_ms, prompt.last_voice_ms)
    # At each frame, the detector shows a state from shortly before.
    for at, seen in enumerate(heard_late):
        assert seen in [(False, 0), *heard][max(0, at + 1 - MOST_LATE) : at + 2]


def test_windows_wait_for_the_run_but_not_those_of_a_burst(engine: VadEngine, speech: Wave) -> None:
    track = engine.track()
    pieces = frames(speech[500 * 8 : 2_000 * 8])
    waiting = []
    for piece in pieces[:30]:
        track.push(piece)
        waiting.append(engine.pending)
    assert max(waiting[:10]) == MAX_WAITING and set(waiting[-15:]) == {0}
    assert engine.run() == 0
    for piece in pieces[30:35]:  # in time
        track.push(piece)
    assert engine.run() == 3


def test_batch_runs_all_windows_but_those_before_the_gate_shuts(engine: VadEngine, phrases: list[bytes]) -> None:
    prompt, paired = engine.track(), engine.track()
    judged = {1: 0, 2: 0}
    for track, together in ((prompt, 1), (paired, 2)):  # a carrier may send two frames at once
        for at, piece in enumerate(phrases):
            track.push(piece)
            judged[together] += engine.run() if at % together == 0 else 0
    assert judged[1] - 2 <= judged[2] <= judged[1] and judged[1] > 100
    assert paired.last_voice_ms == prompt.last_voice_ms


def test_most_windows_of_many_late_callers_wait_for_the_batch(engine: VadEngine, phrases: list[bytes]) -> None:
    tracks = [engine.track() for _ in range(20)]
    for track in tracks:
        for piece in phrases[:100]:
            track.push(piece)
    assert engine.run() > 14 * 40
    for track in tracks:
        for piece in phrases[100:]:
            track.push(piece)
    prompt = engine.track()
    listen_to_frames(engine, prompt, phrases)
    (seen,) = {(track.onset_ms, track.last_voice_ms, track.voiced_ms) for track in tracks}
    assert seen[2] > 200 and seen == (prompt.onset_ms, prompt.last_voice_ms, prompt.voiced_ms)


def test_frames_have_20_ms(engine: VadEngine) -> None:
    with pytest.raises(ValueError, match="a frame of 100 bytes instead of 320"):
        engine.track().push(bytes(100))
