"""The board of the providers' health, with a clock of the test's own."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers import health
from media.providers.health import HealthBoard, HealthChange, HealthKey, ProviderAttempt, SharedHealth
from media.providers.health_record import HealthPolicy
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow
from vocalized.rehearse.dead_provider import count_ejections

KEY = HealthKey("llm", "groq", "abc")
OTHER = HealthKey("llm", "groq", "of another account")
DOWN = ProviderSlow("groq", "nothing came for 4 s")
BUSY = ProviderBusy("groq", "HTTP 429")
QUOTA = ProviderBusy("groq", "HTTP 429 insufficient_quota", retryable=False)
REFUSED = ProviderError("groq", "HTTP 400", retryable=False)
POLICY = HealthPolicy(cool_down_s=15.0, max_cool_down_s=60.0)


class BoardHarness:
    """A board without jitter, its clock and its changes."""

    def __init__(self, policy: HealthPolicy = POLICY) -> None:
        self.now = 1_000.0
        self.board = HealthBoard(lambda: self.now, policy, chance=lambda: 0.0)
        self.changes: list[HealthChange] = []
        self.board.subscribe(self.changes.append)

    @property
    def usable(self) -> bool:
        return self.board.is_usable(KEY)

    @property
    def what(self) -> list[str]:
        return [change.what for change in self.changes]

    def fail(self, error: ProviderError = DOWN, times: int = 1) -> None:
        """So many requests fail, one after the other."""
        for _ in range(times):
            self.board.start(KEY).fail(error)

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            self.board.start(KEY).mark_useful()

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def out_of_service_s(self) -> int:
        """Seconds until it is usable again."""
        until = next(second for second in range(10_000) if self._is_usable_in(second))
        return until

    def _is_usable_in(self, seconds: int) -> bool:
        self.now += seconds
        try:
            return self.usable
        finally:
            self.now -= seconds


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


def test_one_that_worked_a_moment_ago_is_ejected_by_the_sixth_failure() -> None:
    harness = BoardHarness()
    harness.succeed(20)
    harness.wait(2)
    harness.fail(times=5)
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
    """At random, six in a row do happen: a few times an hour."""
    for per_s in (0.2, 1.0, 10.0):
        assert count_ejections(per_s, 3_600, every_third=True) == (0, 1.0)
        ejections, served = count_ejections(per_s, 3_600, every_third=False)
        assert ejections <= 5 and served > 0.9


def test_only_a_bounded_number_of_accounts_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_RECORDS", 3)
    harness = BoardHarness()
    harness.fail(times=3)
    for number in range(10):
        harness.board.start(HealthKey("tts", f"voice {number}")).fail(DOWN)
    assert len(harness.board._records) == 3
    assert not harness.usable, "an ejected provider must not be forgotten"


# --- what other processes found -------------------------------------------------------------------------------------


def test_an_ejection_is_learned_and_so_is_the_healing() -> None:
    harness = BoardHarness()
    harness.board.learn(KEY, SharedHealth(10, age_s=1.0, left_s=14.0, ejections=2))
    assert harness.out_of_service_s() == 14
    harness.board.learn(KEY, SharedHealth(12, age_s=0.5, left_s=None))
    assert harness.usable
    assert [(change.what, change.shared) for change in harness.changes] == [("ejected", True), ("healed", True)]


def test_a_learned_ejection_counts_for_the_next_own_one() -> None:
    harness = BoardHarness()
    harness.board.learn(KEY, SharedHealth(10, 0.0, 30.0, ejections=2))
    harness.wait(30)
    harness.fail()
    assert harness.out_of_service_s() == 60


def test_ejections_of_long_ago_do_not_lengthen_a_learned_one() -> None:
    harness = BoardHarness()
    harness.fail(times=3)
    for _ in range(3):
        harness.wait(60)
        harness.fail()
    harness.wait(60)
    harness.succeed()
    harness.wait(61)
    harness.board.learn(KEY, SharedHealth(10, 0.0, 15.0, ejections=1))
    harness.wait(15)
    harness.fail()
    assert harness.out_of_service_s() == 30


def test_a_useful_unit_after_the_ejection_refutes_it() -> None:
    harness = BoardHarness()
    harness.succeed()
    harness.wait(1)
    harness.board.learn(KEY, SharedHealth(10, age_s=2.0, left_s=13.0, ejections=1))
    assert harness.usable
    assert harness.what == ["refuted"]
    harness.board.learn(KEY, SharedHealth(12, age_s=0.5, left_s=14.5, ejections=1))
    assert not harness.usable


def test_what_this_process_saw_itself_is_only_shortened_by_others() -> None:
    """The fault may be this machine's: then others heal at once what fails here."""
    harness = BoardHarness()
    harness.fail(times=3)
    for _ in range(2):
        harness.wait(harness.out_of_service_s())
        harness.fail()
    assert harness.out_of_service_s() == 60
    harness.board.learn(KEY, SharedHealth(99, age_s=0.0, left_s=None))
    assert harness.out_of_service_s() == 15


def test_another_s_probe_keeps_this_process_from_probing() -> None:
    harness = BoardHarness()
    harness.fail(times=3)
    harness.wait(15)
    harness.board.learn(KEY, SharedHealth(10, age_s=0.0, left_s=10.0, ejections=1))
    assert harness.out_of_service_s() == 10


STATES = st.lists(
    st.builds(
        SharedHealth,
        version=st.integers(1, 6),
        age_s=st.just(0.0),
        left_s=st.sampled_from([None, 20.0]),
        ejections=st.just(1),
    ),
    max_size=8,
)


@given(STATES, st.randoms(use_true_random=False))
def test_the_newest_report_counts_in_any_order_and_however_often(states: list[SharedHealth], order: object) -> None:
    """A version has one content, as in Redis."""
    unique = list({state.version: state for state in states}.values())
    shuffled = [*unique, *unique]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    harness = BoardHarness()
    for state in shuffled:
        harness.board.learn(KEY, state)
    last = max(unique, key=lambda state: state.version, default=None)
    assert harness.usable == (last is None or last.left_s is None)


ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["start", "wait", "useful", "fail", "busy", "refused", "release"]),
        st.floats(0.0, 40.0),
        st.sampled_from([SharedHealth(0, 0.0, None), SharedHealth(0, 0.0, 20.0, 1), SharedHealth(0, 3.0, -1.0, 3)]),
    ),
    max_size=60,
)


def state_of(harness: BoardHarness) -> str:
    """ "ejected" or "healed"."""
    return next((what for what in reversed(harness.what) if what in ("ejected", "healed")), "healed")


ERRORS = {"fail": DOWN, "busy": BUSY, "refused": REFUSED}


@given(ACTIONS)
def test_whatever_happens_one_request_probes_and_no_ejection_outlasts_the_limit(
    actions: Sequence[str | float | SharedHealth],
) -> None:
    harness, running, version, state = BoardHarness(), list[ProviderAttempt](), 0, "healed"
    for action in actions:
        if isinstance(action, float):
            harness.wait(action)
        elif isinstance(action, SharedHealth):
            version += 1
            harness.board.learn(KEY, replace(action, version=version))
        elif action == "start":
            probes = harness.what.count("probed")
            is_due = harness.usable and state_of(harness) == "ejected"
            running.append(harness.board.start(KEY))
            assert harness.what.count("probed") == probes + is_due
            assert not (is_due and harness.usable)
        elif running:
            attempt = running.pop(0)
            if action in ERRORS:
                attempt.fail(ERRORS[action])
            else:
                {"wait": attempt.start_wait, "useful": attempt.mark_useful, "release": attempt.release}[action]()
        assert harness.out_of_service_s() <= 70
    for what in harness.what:  # it is ejected and healed in turns
        if what in ("ejected", "healed"):
            assert what != state
            state = what
