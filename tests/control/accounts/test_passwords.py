"""Password hashing in threads with a bounded queue."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from control.accounts.passwords import PasswordCheck, Passwords
from control.accounts.rules import HashPolicy, LockPolicy
from shared.errors import Unavailable


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    service = Passwords(HashPolicy(time_cost=1, memory_kib=64, workers=1, queue_size=2))
    yield service
    service.close()


async def test_only_the_correct_password_is_accepted(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await passwords.check(stored, "correct horse") == PasswordCheck(True)
    assert await passwords.check(stored, "correct horsf") == PasswordCheck(False)
    assert await passwords.check(None, "correct horse") == PasswordCheck(False)
    assert await passwords.hash("correct horse") != stored


async def test_composed_and_decomposed_letters_are_equal(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 au lait")
    assert (await passwords.check(stored, "cafe\u0301 au lait")).is_correct


async def test_hash_of_other_parameters_needs_rehash() -> None:
    old, new = Passwords(HashPolicy(1, 64)), Passwords(HashPolicy(2, 64))
    stored = await old.hash("correct horse")
    assert await new.check(stored, "correct horse") == PasswordCheck(True, needs_rehash=True)
    assert await new.check(stored, "wrong horse") == PasswordCheck(False)
    old.close()
    new.close()


async def test_full_queue_refuses_at_once_and_recovers(passwords: Passwords) -> None:
    pending = [asyncio.ensure_future(passwords.hash("x")) for _ in range(10)]
    results = await asyncio.gather(*pending, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 7 and refused[0].code == "busy"
    assert await passwords.hash("x")


async def test_cancelled_requests_free_the_queue(passwords: Passwords) -> None:
    pending = [asyncio.ensure_future(passwords.hash("x")) for _ in range(3)]
    await asyncio.sleep(0)
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    assert await asyncio.gather(*(passwords.hash("x") for _ in range(3)))


async def test_event_loop_runs_while_hashing() -> None:
    slow = Passwords(HashPolicy(time_cost=3, memory_kib=32_768, workers=1))
    hashing, turns = asyncio.ensure_future(slow.hash("x")), 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    slow.close()


def test_wait_doubles_up_to_a_limit() -> None:
    policy = LockPolicy(free_failures=3, max_wait_s=60)
    assert [policy.wait_s(failures) for failures in (0, 3, 4, 5, 6, 7, 8, 9, 10_000)] == [0, 0, 2, 4, 8, 16, 32, 60, 60]


async def test_unknown_account_costs_as_much_as_a_known_one() -> None:
    hasher = Passwords(HashPolicy(time_cost=2, memory_kib=16_384, workers=1))
    stored = await hasher.hash("correct horse")

    async def cost(known: str | None) -> float:
        begun = time.process_time()
        for _ in range(5):
            assert not (await hasher.check(known, "wrong")).is_correct
        return time.process_time() - begun

    assert 0.5 < await cost(None) / await cost(stored) < 2
    hasher.close()
