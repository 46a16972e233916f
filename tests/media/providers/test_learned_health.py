"""The board of the providers' health: what other processes found, and properties of all of it."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from media.providers.health import ProviderAttempt, SharedHealth
from tests.media.providers.health_harness import BUSY, DOWN, KEY, REFUSED, BoardHarness


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


def test_no_report_ejects_for_longer_than_the_longest_cool_down() -> None:
    """Redis's clock may have been put back between the report and its reading."""
    harness = BoardHarness()
    harness.board.learn(KEY, SharedHealth(10, age_s=-3_600.0, left_s=3_615.0, ejections=1))
    assert harness.out_of_service_s() == 60


def test_a_refutation_is_as_old_as_the_useful_unit_that_it_rests_on() -> None:
    """A failure after that unit must be able to eject."""
    harness = BoardHarness()
    harness.succeed()
    harness.wait(8)
    harness.board.learn(KEY, SharedHealth(10, age_s=9.0, left_s=13.0, ejections=1))
    (change,) = harness.changes
    assert (change.what, change.evidence_s) == ("refuted", 8.0)


def test_after_the_clock_was_put_back_newer_reports_count_again() -> None:
    harness = BoardHarness()
    harness.board.learn(KEY, SharedHealth(1_000, 0.0, 14.0, 1))
    harness.board.learn(KEY, SharedHealth(12, 0.0, None))
    assert not harness.usable
    harness.board.forget_versions()
    harness.board.learn(KEY, SharedHealth(12, 0.0, None))
    assert harness.usable
