"""Who is asked next."""

import asyncio

import pytest

from media.providers.chain.roster import Roster
from media.providers.ports import ProviderError
from shared.events import ProviderFailed
from tests.media.providers.virtual import run

ERROR = ProviderError("x", "down")


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


def roster(names: str, rest_s: float = 30.0) -> tuple[Roster[Named], list[ProviderFailed]]:
    told: list[ProviderFailed] = []
    return Roster("tts", [Named(name) for name in names], told.append, rest_s), told


def names(chain: Roster[Named], start: int | None = None) -> str:
    """The order in which a request that fails everywhere asks the providers."""
    walk, asked = chain.walk(start), ""
    try:
        while True:
            asked += walk.current.name
            walk.failed(ERROR)
    except ProviderError:
        return asked


def test_an_empty_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="tts: an empty chain"):
        roster("")


def test_list_order_is_the_order_of_choice_and_a_lone_one_gets_two_tries() -> None:
    async def main() -> None:
        assert names(roster("abc")[0]) == "abc"
        assert names(roster("a")[0]) == "aa"

    run(main())


def test_the_one_in_use_comes_first_and_last() -> None:
    async def main() -> None:
        assert names(roster("abc")[0], start=1) == "bacb"
        assert names(roster("a")[0], start=0) == "aa"

    run(main())


def test_those_that_rest_come_last_until_they_have_rested() -> None:
    async def main() -> None:
        chain, _ = roster("abc")
        chain.walk().failed(ERROR)
        assert names(chain) == "bca"
        await asyncio.sleep(29.0)
        chain.recovered(1)
        assert names(chain) == "bac"
        await asyncio.sleep(31.0)
        assert names(chain) == "abc"

    run(main())


def test_every_switch_is_told() -> None:
    async def main() -> None:
        chain, told = roster("ab")
        walk = chain.walk()
        assert walk.has_other
        walk.failed(ERROR)
        assert not walk.has_other
        walk.gave_up(ERROR)
        assert told == [ProviderFailed("tts", "a", "down", "b"), ProviderFailed("tts", "b", "down", "")]

    run(main())
