"""The order in which a chain tries its providers."""

import asyncio

import pytest

from media.providers.chain.candidates import Candidates
from media.providers.ports import ProviderError, ProviderSlow
from shared.events import ProviderFailed
from tests.media.providers.virtual import run

ERROR = ProviderError("x", "down")


class FakeProvider:
    def __init__(self, name: str) -> None:
        self.name = name


def candidates(names: str, demotion_s: float = 30.0) -> tuple[Candidates[FakeProvider], list[ProviderFailed]]:
    reported: list[ProviderFailed] = []
    return Candidates("tts", [FakeProvider(name) for name in names], reported.append, demotion_s), reported


def attempted_names(chain: Candidates[FakeProvider], start: int | None = None) -> str:
    """Returns the names in the order in which a request that always fails tries them."""
    attempts, tried = chain.new_attempts(start), ""
    try:
        while True:
            tried += attempts.current.name
            attempts.fail_over(ERROR)
    except ProviderError:
        return tried


def test_an_empty_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="tts: the chain is empty"):
        candidates("")


def test_providers_are_tried_in_list_order_and_a_lone_one_twice() -> None:
    async def main() -> None:
        assert attempted_names(candidates("abc")[0]) == "abc"
        assert attempted_names(candidates("a")[0]) == "aa"

    run(main())


def test_the_provider_in_use_is_tried_first_and_last() -> None:
    async def main() -> None:
        assert attempted_names(candidates("abc")[0], start=1) == "bacb"
        assert attempted_names(candidates("a")[0], start=0) == "aa"

    run(main())


def test_failed_providers_are_tried_last_until_their_demotion_ends() -> None:
    async def main() -> None:
        chain, _ = candidates("abc")
        chain.new_attempts().fail_over(ERROR)
        assert attempted_names(chain) == "bca"
        await asyncio.sleep(29.0)
        chain.restore(1)
        assert attempted_names(chain) == "bac"
        await asyncio.sleep(31.0)
        assert attempted_names(chain) == "abc"

    run(main())


def test_every_failure_is_reported() -> None:
    async def main() -> None:
        chain, reported = candidates("ab")
        attempts = chain.new_attempts()
        assert attempts.has_other
        attempts.fail_over(ProviderSlow("x", "late"), stage="stream", cost_s=0.3)
        assert not attempts.has_other
        attempts.give_up(ERROR)
        assert reported == [
            ProviderFailed("tts", "a", "late", "b", "stream", "stalled", 300),
            ProviderFailed("tts", "b", "down", "", "stream", "error"),
        ]

    run(main())
