"""Who is let in."""

import asyncio
from uuid import UUID

import pytest
from asyncpg.connection import LoggedQuery  # type: ignore[import-untyped]

from control.calls.model import Admitted, Refused, Ring
from control.db.pool import Connection
from shared.errors import Problem
from tests.control.calls.stage import NOW, SEALER, House, later


async def test_a_call_to_a_live_agent_is_let_in_with_its_plan(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA1")
    assert call.plan.call_id == str(call.call_id)
    assert call.plan.workspace_id == str(shop.workspace_id)
    assert call.plan.agent.greeting == "Hello."
    assert (call.leg, call.records_at_carrier) == (0, False)
    row = await house.row(call.call_id)
    assert (row["status"], row["direction"], row["carrier_call_id"]) == ("ringing", "inbound", "CA1")
    assert (row["agent_id"], row["agent_version"], row["phone_number_id"]) == (shop.agent_id, 1, shop.number_id)


async def test_it_costs_four_questions(house: House) -> None:
    shop = await house.shop()
    asked: list[str] = []

    def note(query: LoggedQuery) -> None:
        asked.append(query.query)

    async def work(db: Connection) -> None:
        # The first of a connection also asks for the types of columns.
        await house.calls.arrive(db, Ring("twilio", "CA-cost-1", "+14155550100", shop.number), NOW)
        with db.query_logger(note):
            await house.calls.arrive(db, Ring("twilio", "CA-cost-2", "+14155550100", shop.number), NOW)

    await house.staff(work)
    assert len(asked) == 4, asked


async def test_an_unknown_number_leaves_no_trace(house: House) -> None:
    ring = Ring("twilio", "CA-nobody", "+14155550100", "+14155559999")
    told = await house.staff(lambda db: house.calls.arrive(db, ring, NOW))
    assert isinstance(told, Refused)
    assert (told.why, told.call_id) == ("unknown_number", None)
    assert not await house.staff(
        lambda db: db.fetchval("SELECT count(*) FROM calls WHERE carrier_call_id = 'CA-nobody'")
    )


async def test_an_agent_that_is_not_live_answers_nothing_but_the_customer_sees_the_call(house: House) -> None:
    shop = await house.shop(live=False, language="de")
    told = await house.ring(shop)
    assert isinstance(told, Refused)
    assert (told.why, told.language) == ("unknown_number", "de")
    assert "Nummer" in told.words
    (row,) = await house.rows(shop)
    assert (row["id"], row["status"], row["end_detail"]) == (told.call_id, "failed", "unknown_number")
    assert row["ended_at"] == NOW


async def test_a_suspended_workspace_takes_no_calls(house: House) -> None:
    shop = await house.shop(language="fr-CA")
    await house.staff(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", shop.workspace_id)
    )
    told = await house.ring(shop)
    assert isinstance(told, Refused)
    assert (told.why, told.language) == ("suspended", "fr-CA")
    assert told.words.startswith("Désolé")


async def test_without_an_owner_who_confirmed_their_address_there_are_no_calls(house: House) -> None:
    shop = await house.shop()
    await house.staff(lambda db: db.execute("UPDATE users SET email_verified_at = NULL WHERE id = $1", shop.actor.id))
    told = await house.ring(shop)
    assert isinstance(told, Refused) and told.why == "suspended"


async def test_an_agent_without_anybody_to_speak_is_unusable(house: House) -> None:
    shop = await house.shop(language="es")
    await house.staff(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            shop.workspace_id,
        )
    )
    told = await house.ring(shop)
    assert isinstance(told, Refused)
    assert (told.why, told.language) == ("unusable", "es")
    (row,) = await house.rows(shop)
    assert (row["status"], row["end_detail"]) == ("failed", "unusable")


async def test_a_language_without_words_of_ours_is_answered_in_english(house: House) -> None:
    shop = await house.shop(live=False, language="ja")
    told = await house.ring(shop)
    assert isinstance(told, Refused)
    assert told.language == "en" and told.words.startswith("Sorry")


async def test_a_repeated_webhook_is_the_same_call(house: House) -> None:
    shop = await house.shop()
    first = await house.admitted(shop, "CA-again")
    again = await house.admitted(shop, "CA-again", at=later(1))
    assert first.call_id == again.call_id and again.plan == first.plan
    assert len(await house.rows(shop)) == 1


async def test_a_repeated_webhook_of_a_refused_call_is_refused_alike(house: House) -> None:
    shop = await house.shop(live=False)
    first = await house.ring(shop, "CA-refused")
    await house.staff(lambda db: db.execute("UPDATE agents SET status = 'live' WHERE id = $1", shop.agent_id))
    assert await house.ring(shop, "CA-refused") == first


async def test_the_same_webhook_ten_times_at_once_is_one_call(house: House) -> None:
    shop = await house.shop()
    answers = await asyncio.gather(*(house.ring(shop, "CA-storm") for _ in range(10)))
    assert len({answer.call_id for answer in answers if isinstance(answer, Admitted)}) == 1
    assert all(isinstance(answer, Admitted) for answer in answers)
    assert len(await house.rows(shop)) == 1


async def test_two_rings_for_the_last_place_one_is_let_in(house: House) -> None:
    shop = await house.shop(tier="trial")  # two calls at once
    await house.admitted(shop)
    answers = await asyncio.gather(*(house.ring(shop) for _ in range(6)))
    assert sum(isinstance(answer, Admitted) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert {answer.why for answer in refused} == {"over_limit"}
    rows = await house.rows(shop)
    assert sorted(row["status"] for row in rows) == ["busy"] * 5 + ["ringing"] * 2


async def test_a_place_is_free_again_when_a_call_is_over(house: House) -> None:
    shop = await house.shop(tier="trial")
    first = await house.admitted(shop)
    await house.admitted(shop)
    assert isinstance(await house.ring(shop), Refused)
    gone = Refused("all_busy", "", "en", first.call_id)
    await house.staff(lambda db: house.calls.refuse(db, first.call_id, gone, NOW))
    assert (await house.row(first.call_id))["status"] == "busy"
    assert isinstance(await house.ring(shop), Admitted)


async def test_the_providers_keys_are_opened_into_the_plan(house: House) -> None:
    shop = await house.shop(speech={"llm": [{"provider": "standin"}, {"provider": "openai"}]})
    assert [one.provider for one in (await house.admitted(shop)).plan.llm] == ["standin"]
    sealed = SEALER.seal(b"sk-secret", "provider key")
    await house.staff(lambda db: db.execute("UPDATE providers SET api_key = $1 WHERE provider = 'openai'", sealed))
    try:
        plan = (await house.admitted(shop)).plan
        assert [(one.provider, one.options.get("api_key")) for one in plan.llm] == [
            ("standin", None), ("openai", "sk-secret"),
        ]  # fmt: skip
        own = SEALER.seal(b"sk-own", "provider key")
        await house.staff(
            lambda db: db.execute(
                "INSERT INTO workspace_providers (workspace_id, provider, uses_platform_key, api_key) "
                "VALUES ($1, 'openai', false, $2)",
                shop.workspace_id, own,
            )
        )  # fmt: skip
        assert (await house.admitted(shop)).plan.llm[1].options["api_key"] == "sk-own"
        await house.staff(
            lambda db: db.execute("UPDATE workspace_providers SET api_key = 'broken' WHERE provider = 'openai'")
        )
        assert [one.provider for one in (await house.admitted(shop)).plan.llm] == ["standin"]
    finally:
        await house.staff(lambda db: db.execute("UPDATE providers SET api_key = NULL WHERE provider = 'openai'"))


async def test_calls_mark_their_day_for_the_roll_ups(house: House) -> None:
    shop = await house.shop()
    await house.admitted(shop)
    marks = await house.staff(
        lambda db: db.fetch("SELECT day FROM rollup_dirty WHERE workspace_id = $1", shop.workspace_id)
    )
    assert [row["day"] for row in marks] == [NOW.date()]


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:ann@example.com"])
async def test_a_caller_may_hide(house: House, caller: str) -> None:
    shop = await house.shop()
    ring = Ring("twilio", f"CA-{caller}", caller, shop.number)
    made = await house.staff(lambda db: house.calls.arrive(db, ring, NOW))
    assert isinstance(made, Admitted)


async def test_nobody_else_sees_the_call(house: House) -> None:
    shop, other = await house.shop(), await house.shop()
    call = await house.admitted(shop)
    with pytest.raises(Problem):
        await house.member(other, lambda db: house.calls.records.get(db, other.workspace_id, call.call_id))
    mine = await house.member(shop, lambda db: house.calls.records.get(db, shop.workspace_id, call.call_id))
    assert mine.line.id == UUID(call.plan.call_id)
