"""The delays that every server is given."""

from benchmarks.delays import read_delays


def test_the_plan_says_what_the_design_says() -> None:
    delays = read_delays()
    assert (delays.silence, delays.final, delays.first_token, delays.first_byte) == (400, 100, 200, 80)
    assert (delays.token, delays.audio, delays.chunk) == (10, 2500, 200)
    assert delays.total == 780
