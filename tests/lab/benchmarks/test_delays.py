"""The vendor delays."""

from lab.benchmarks.delays import read_delays


def test_delays_of_the_plan() -> None:
    delays = read_delays()
    assert (delays.silence, delays.final, delays.first_token, delays.first_byte) == (400, 100, 200, 80)
    assert (delays.token, delays.audio, delays.chunk) == (10, 2500, 200)
    assert delays.total == 780
