"""Models of unknown speed: a server of one's own, or one whose waits were forgotten with an ejection."""

import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.ports import TextDelta
from tests.media.providers.chain.test_hedged_requests import HedgingHarness
from tests.media.providers.fakes import FakeLanguageModel, Step
from tests.media.providers.virtual import now, run


def test_a_model_of_unknown_speed_gets_a_rival_after_the_default_wait() -> None:
    async def main() -> None:
        a, b = FakeLanguageModel("a", [None]), FakeLanguageModel("b", [0.3, TextDelta("Nine.")])
        harness = HedgingHarness(a, b, seed=None)
        assert await harness.text() == "Nine."
        assert now() == pytest.approx(Deadlines().unknown_s + 0.3)
        assert [(failed.provider, failed.next, failed.cause) for failed in harness.failed] == [("a", "b", "late")]

    run(main())


def test_a_model_of_unknown_speed_that_answers_within_the_default_wait_gets_no_rival() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [TextDelta("Never.")])
        harness = HedgingHarness(FakeLanguageModel("a", [1.1, TextDelta("Nine.")]), b, seed=None)
        assert {await harness.text() for _ in range(5)} == {"Nine."}
        assert (b.requests, harness.failed) == ([], [])

    run(main())


def test_a_model_that_is_always_slow_is_not_replaced_once_that_is_known() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [0.05, TextDelta("B"), 1.0, TextDelta("B")])
        slow: list[Step] = [2.0, TextDelta("A")]
        harness = HedgingHarness(FakeLanguageModel("a", slow), b, seed=None)
        assert [await harness.text() for _ in range(25)] == ["BB"] * 3 + ["A"] * 22
        assert len(b.requests) == 3
        assert harness.board.is_usable(harness.keys[0])

    run(main())
