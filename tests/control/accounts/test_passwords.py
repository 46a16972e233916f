"""Hashing off the loop, with a bounded queue."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from control.accounts.passwords import Passwords, Verdict
from control.accounts.policy import HashPolicy, LockPolicy
from shared.errors import Unavailable


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(HashPolicy(time_cost=1, memory_kib=64, workers=1, waiting=2))
    yield made
    made.close()


async def test_the_right_password_is_right_and_no_other(passwords: Passwords) -> None:
    kept = await passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert await passwords.check(kept, "correct horse") == Verdict(True)
    assert await passwords.check(kept, "correct horsf") == Verdict(False)
    assert await passwords.check(None, "correct horse") == Verdict(False)
    assert await passwords.hash("correct horse") != kept


async def test_letters_are_the_same_however_they_are_composed(passwords: Passwords) -> None:
    kept = await passwords.hash("caf\u00e9 au lait")
    assert (await passwords.check(kept, "cafe\u0301 au lait")).right


async def test_a_hash_of_other_parameters_is_stale() -> None:
    old, new = Passwords(HashPolicy(1, 64)), Passwords(HashPolicy(2, 64))
    kept = await old.hash("correct horse")
    assert await new.check(kept, "correct horse") == Verdict(True, stale=True)
    assert await new.check(kept, "wrong horse") == Verdict(False)
    old.close()
    new.close()


async def test_a_full_queue_refuses_at_once_and_empties_again(passwords: Passwords) -> None:
    asked = [asyncio.ensure_future(passwords.hash("x")) for _ in range(10)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 7 and refused[0].code == "busy"
    assert await passwords.hash("x")


async def test_those_who_give_up_make_room(passwords: Passwords) -> None:
    asked = [asyncio.ensure_future(passwords.hash("x")) for _ in range(3)]
    await asyncio.sleep(0)
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert await asyncio.gather(*(passwords.hash("x") for _ in range(3)))


async def test_the_loop_goes_on_while_hashes_are_made() -> None:
    slow = Passwords(HashPolicy(time_cost=3, memory_kib=32_768, workers=1))
    work, turns = asyncio.ensure_future(slow.hash("x")), 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    slow.close()


def test_the_wait_doubles_up_to_a_bound() -> None:
    policy = LockPolicy(free_failures=3, longest_s=60)
    assert [policy.wait_s(failures) for failures in (0, 3, 4, 5, 6, 7, 8, 9, 10_000)] == [0, 0, 2, 4, 8, 16, 32, 60, 60]


async def test_nobodys_password_costs_as_much_as_somebodys() -> None:
    hasher = Passwords(HashPolicy(time_cost=2, memory_kib=16_384, workers=1))
    kept = await hasher.hash("correct horse")

    async def cost(known: str | None) -> float:
        begun = time.process_time()
        for _ in range(5):
            assert not (await hasher.check(known, "wrong")).right
        return time.process_time() - begun

    assert 0.5 < await cost(None) / await cost(kept) < 2
    hasher.close()
