"""The board of the providers' health: what a process finds out itself."""

from dataclasses import replace

import pytest

from lab.scenarios.dead_provider import count_ejections
from media.providers import health
from media.providers.health import HealthChange, HealthKey, SharedHealth
from media.providers.ports import ProviderError
from tests.media.providers.health_harness import BUSY, DOWN, KEY, OTHER, POLICY, QUOTA, REFUSED, REVOKED, BoardHarness


def test_a_dead_provider_is_ejected_by_the_third_failure() -> None:
    harness = BoardHarness()
    harness.fail(times=2)
    assert harness.usable
    harness.fail()
    assert not harness.usable
    assert harness.board.is_usable(OTHER)
    assert harness.changes == [HealthChange(KEY, "ejected", 1, 15.0, "nothing came for 4 s")]


def test_one_request_probes_after_the_cool_down_and_its_useful_unit_heals() -> None:
    harness = BoardHarness()
    harness.fail(times=3)
    harness.wait(14.9)
    assert not harness.usable
    harness.wait(0.2)
    probe = harness.board.start(KEY)
    assert not harness.usable
    harness.fail()  # of another request, which is no probe
    assert harness.what == ["ejected", "probed"]
    probe.mark_useful()
    assert harness.usable
    assert harness.what == ["ejected", "probed", "healed"]


def test_a_probe_here_ejects_nothing_where_the_provider_has_worked_since() -> None:
    """It is reported, so that others do not probe as well, but it is as old as the ejection."""
    harness = BoardHarness()
    harness.fail(times=3)
    harness.wait(20.0)
    harness.board.start(KEY)
    (probed,) = [change for change in harness.changes if change.what == "probed"]
    assert probed.evidence_s == 20.0
    other = BoardHarness()
    other.board.start(KEY).mark_useful()
    other.wait(1.0)
    other.board.learn(KEY, SharedHealth(1, probed.evidence_s, probed.cool_down_s, probed.ejections))
    assert other.usable
    assert other.what == ["refuted"]


def test_each_failed_probe_doubles_the_cool_down_up_to_the_limit() -> None:
    harness, seconds = BoardHarness(), []
    harness.fail(times=3)
    for _ in range(4):
        seconds.append(harness.out_of_service_s())
        harness.wait(seconds[-1])
        harness.fail()
    assert seconds == [15, 30, 60, 60]
    assert harness.what == ["ejected", *["probed", "extended"] * 4]


def test_an_ejection_soon_after_healing_lasts_longer_and_one_much_later_does_not() -> None:
    harness = BoardHarness()
    for expected, quiet_s in ((15, 10), (30, 10), (60, 70), (15, 0)):
        harness.fail(times=3)
        assert harness.out_of_service_s() == expected
        harness.wait(expected)
        harness.succeed()
        harness.wait(quiet_s)


def test_a_key_that_is_refused_twice_in_a_row_is_ejected_and_no_other_account() -> None:
    harness = BoardHarness()
    for _ in range(3):
        harness.fail(REVOKED)
        harness.succeed()  # between them, so that they are not in a row
    harness.fail(REVOKED)
    harness.fail(REFUSED)  # of the request, which says nothing of the key
    assert harness.usable
    harness.fail(REVOKED)
    assert not harness.usable and harness.board.is_usable(OTHER)
    assert harness.changes == [HealthChange(KEY, "ejected", 1, 15.0, "HTTP 401")]
    harness.wait(15)
    harness.fail(REVOKED)
    assert (harness.changes[-1].what, harness.changes[-1].cool_down_s) == ("extended", 30.0)
    harness.wait(30)
    harness.succeed()
    assert harness.usable


def test_an_account_that_is_used_no_more_is_forgotten() -> None:
    """Its key was replaced; else it would be reported as ejected for ever."""
    harness = BoardHarness()
    harness.fail(REVOKED, times=2)
    harness.wait(15 + health.ABANDONED_S)
    harness.board.recent()
    assert harness.what == ["ejected"]
    harness.wait(1)
    harness.board.recent()
    assert harness.what == ["ejected", "forgotten"] and harness.changes[-1].shared
    assert harness.usable


def test_what_one_workspace_has_no_right_to_does_not_eject_the_key_of_all() -> None:
    harness = BoardHarness()
    harness.board.start(KEY, "good").mark_useful()
    for _ in range(5):
        harness.board.start(KEY, "bad").fail(REVOKED)
    assert harness.usable
    harness.board.start(KEY, "good").fail(REVOKED)
    assert not harness.usable
    harness = BoardHarness()
    for _ in range(2):
        harness.wait(61)  # so long after each other that they are no row
        harness.fail(REVOKED)
        assert harness.usable
    harness.fail(REVOKED)
    assert not harness.usable


def test_a_released_probe_lets_the_next_request_probe() -> None:
    harness = BoardHarness()
    harness.fail(times=3)
    harness.wait(15)
    harness.board.start(KEY).release()
    assert harness.usable
    harness.fail()
    assert harness.what == ["ejected", "probed", "probed", "extended"]


def test_a_probe_without_result_expires() -> None:
    harness = BoardHarness()
    harness.fail(times=3)
    harness.wait(15)
    late = harness.board.start(KEY)
    harness.wait(9.9)
    assert not harness.usable
    harness.wait(0.2)
    assert harness.usable
    second = harness.board.start(KEY)
    late.fail(DOWN)
    late.release()
    assert not harness.usable and "extended" not in harness.what
    second.fail(DOWN)
    assert harness.out_of_service_s() == 30


@pytest.mark.parametrize(("failed_before", "row"), [(0, 4), (2, 6), (6, 10)])
def test_one_that_works_is_ejected_by_a_row_that_would_hardly_come_by_chance(failed_before: int, row: int) -> None:
    """Of the twenty requests before, that many failed."""
    harness = BoardHarness()
    for number in range(20):
        harness.fail() if number % 2 and number < 2 * failed_before else harness.succeed()
    harness.wait(2)
    harness.fail(times=row - 1)
    assert harness.usable
    harness.fail()
    assert not harness.usable


def test_requests_that_were_under_way_do_not_lengthen_the_ejection() -> None:
    harness = BoardHarness()
    under_way = [harness.board.start(KEY) for _ in range(30)]
    for attempt in under_way:
        attempt.fail(DOWN)
    assert harness.out_of_service_s() == 15


def test_a_useful_unit_of_a_request_that_was_under_way_heals() -> None:
    harness = BoardHarness()
    under_way = harness.board.start(KEY)
    harness.fail(times=3)
    under_way.mark_useful()
    assert harness.usable


def test_failures_between_successes_do_not_eject() -> None:
    harness = BoardHarness()
    for _ in range(200):
        harness.succeed(2)
        harness.fail()
        harness.wait(1)
    assert harness.changes == []


def test_a_burst_of_failures_right_after_a_success_does_not_eject() -> None:
    harness = BoardHarness()
    harness.succeed()
    harness.wait(0.9)
    harness.fail(times=5)
    assert harness.usable
    harness.wait(0.2)
    harness.fail()
    assert not harness.usable


def test_a_provider_that_fails_most_requests_is_ejected() -> None:
    harness = BoardHarness()
    for _ in range(6):
        harness.fail(times=2)
        harness.succeed()
    assert harness.usable  # of 18 requests
    harness.fail(times=2)
    assert not harness.usable


def test_a_reply_that_breaks_counts_as_a_failure_not_as_both() -> None:
    harness = BoardHarness()
    for _ in range(20):
        attempt = harness.board.start(KEY)
        attempt.mark_useful()
        attempt.fail(DOWN)
    assert not harness.usable


@pytest.mark.parametrize(("error", "seconds"), [(BUSY, 5), (QUOTA, 15)])
def test_a_full_provider_is_ejected_for_a_short_time(error: ProviderError, seconds: int) -> None:
    harness = BoardHarness()
    harness.fail(error, times=3)
    assert harness.out_of_service_s() == seconds
    harness.wait(seconds)
    harness.fail(error)
    assert harness.out_of_service_s() == (5 if error is BUSY else 30)


def test_a_refused_request_concerns_its_call_alone() -> None:
    harness = BoardHarness()
    harness.fail(REFUSED, times=50)
    assert harness.usable
    harness.fail(times=3)
    harness.wait(15)
    harness.fail(REFUSED)
    assert harness.usable, "the refused probe must let the next request probe"


def test_three_requests_that_wait_too_long_send_the_next_one_elsewhere() -> None:
    harness = BoardHarness()
    waiting = [harness.board.start(KEY) for _ in range(3)]
    for attempt in waiting:
        attempt.start_wait()
    harness.wait(0.9)
    assert harness.usable
    harness.wait(0.2)
    assert not harness.usable
    waiting[0].mark_useful()
    assert harness.usable
    assert harness.changes == []


def test_a_provider_that_is_slow_as_usual_is_waited_for() -> None:
    harness = BoardHarness()
    attempt = harness.board.start(KEY)
    attempt.start_wait()
    harness.wait(2.0)
    attempt.mark_useful()
    for _ in range(3):
        harness.board.start(KEY).start_wait()
    harness.wait(5.9)
    assert harness.usable
    harness.wait(0.2)
    assert not harness.usable


def test_requests_that_crashed_are_not_waited_for() -> None:
    harness = BoardHarness()
    for _ in range(3):
        harness.board.start(KEY).start_wait()
    harness.wait(59)
    assert not harness.usable
    harness.wait(2)
    assert harness.usable


def test_a_cool_down_of_zero_turns_the_board_off() -> None:
    harness = BoardHarness(replace(POLICY, cool_down_s=0.0))
    for _ in range(10):
        harness.board.start(KEY).start_wait()
    harness.wait(5)
    harness.fail(times=30)
    harness.board.learn(KEY, SharedHealth(1, 0.0, 15.0, 1))
    assert harness.usable
    assert harness.changes == []


def test_a_provider_that_fails_every_third_request_stays_in_service() -> None:
    """When each fails with the chance of a third, few requests a minute may look like a dead provider."""
    for per_s in (0.2, 1.0, 10.0):
        assert count_ejections(per_s, 3_600, every_third=True) == (0, 1.0)
        ejections, served = count_ejections(per_s, 3_600, every_third=False)
        assert ejections <= 3 and served > 0.9


def test_only_a_bounded_number_of_accounts_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_RECORDS", 3)
    harness = BoardHarness()
    harness.fail(times=3)
    for number in range(10):
        harness.board.start(HealthKey("tts", f"voice {number}")).fail(DOWN)
    assert len(harness.board._records) == 3
    assert not harness.usable, "an ejected provider must not be forgotten"


def test_the_account_that_was_used_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that was known first: that is often the one which most calls use."""
    monkeypatch.setattr(health, "MAX_RECORDS", 3)
    harness = BoardHarness()
    for number in range(10):
        harness.fail()
        for kind in ("stt", "tts"):
            harness.board.start(HealthKey(kind, f"provider {number}")).fail(DOWN)
        harness.wait(1)
    assert not harness.usable


def test_accounts_of_other_processes_displace_none_that_is_used_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_RECORDS", 3)
    harness = BoardHarness()
    for _ in range(3):
        harness.fail()
        for number in range(10):
            other = HealthKey("tts", f"voice {number}")
            harness.board.heed(other, 2, 0.0)
            harness.board.learn(other, SharedHealth(1, 0.0, 15.0, 1))
    assert not harness.usable
    assert len(harness.board._records) == 3
    ejections = [change.key for change in harness.changes]
    assert len(ejections) == len(set(ejections)) == 3, "what was not kept would be learned anew every second"


def requests(harness: BoardHarness, of: dict[str, list[bool]], minutes: int = 5) -> list[str]:
    """Each workspace's requests of a minute (whether they succeed), in turns. Returns the board's changes."""
    for _ in range(minutes):
        turns = max(map(len, of.values()))
        for turn in range(turns):
            for workspace, outcomes in of.items():
                if turn < len(outcomes) and harness.usable:
                    attempt = harness.board.start(KEY, workspace)
                    attempt.mark_useful() if outcomes[turn] else attempt.fail(DOWN)
            harness.wait(60 / turns)
    return harness.what


def test_one_workspace_s_requests_eject_no_provider_that_answers_others() -> None:
    """For instance prompts so long that the model never begins in time."""
    assert requests(BoardHarness(), {"a": [False] * 30, "b": [True] * 10}) == []
    assert "ejected" in requests(BoardHarness(), {"a": [False] * 30, "b": [True, False] * 5})
    assert "ejected" in requests(BoardHarness(), {"a": [False] * 30})


def test_a_provider_that_dies_is_ejected_by_two_workspaces_or_a_minute_after_it_worked_for_another() -> None:
    for second, seconds in (("b", 6), ("a", 61)):
        harness = BoardHarness()
        for _ in range(5):
            harness.board.start(KEY, "b").mark_useful()
        harness.wait(2)
        while harness.usable:
            for workspace in ("a", second):
                harness.board.start(KEY, workspace).fail(DOWN)
            harness.wait(1)
        assert harness.now - 1_002 <= seconds


def test_failures_of_one_workspace_are_no_doubts_for_others() -> None:
    harness = BoardHarness()
    harness.board.start(KEY, "b").mark_useful()
    harness.wait(2)
    for _ in range(9):
        harness.board.start(KEY, "a").fail(DOWN)
    assert harness.board.recent()[KEY][0] == 0
    harness.board.start(KEY, "c").fail(DOWN)
    assert not harness.usable
