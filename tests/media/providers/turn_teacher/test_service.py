"""The service: batches, a bounded queue, and no work for those who wait no longer."""

import asyncio
from pathlib import Path

from media.providers.turn_teacher.client import Outcome
from media.providers.turn_teacher.service import TeacherService
from tests.media.providers.turn_teacher.fakes import CountingObserver, ScriptedModel, ask, connected, served, wait_until


async def asked_behind_another(
    path: Path, service: TeacherService, model: ScriptedModel, texts: list[str]
) -> dict[Outcome, int]:
    """Asks the texts while another is being judged; returns the counts once all are answered."""
    observer = CountingObserver()
    model.may_answer.clear()
    async with served(path, service), connected(path, observer) as client:
        first = asyncio.ensure_future(ask(client, "first"))
        await asyncio.to_thread(model.has_begun.wait, 30)
        for text in texts:
            client.request(text, lambda _: None)
        await wait_until(lambda: len(service._waiting) == min(len(texts), service._capacity))
        model.may_answer.set()
        await first
        await wait_until(lambda: sum(observer.counts.values()) > len(texts))
    return observer.counts


async def test_those_that_wait_are_judged_together(socket_path: Path) -> None:
    model = ScriptedModel()
    service = TeacherService(model, deadline_s=30)
    counts = await asked_behind_another(socket_path, service, model, ["a", "b", "c"])
    assert model.asked == [["first"], ["a", "b"], ["c"]]
    assert counts == {"answered": 4}


async def test_long_texts_are_judged_alone(socket_path: Path) -> None:
    model = ScriptedModel()
    long = "so " * 20
    service = TeacherService(model, deadline_s=30)
    await asked_behind_another(socket_path, service, model, [long, long, "a"])
    assert model.asked == [["first"], [long], [long, "a"]]


async def test_a_full_queue_refuses(socket_path: Path) -> None:
    model = ScriptedModel()
    service = TeacherService(model, capacity=2, deadline_s=30)
    counts = await asked_behind_another(socket_path, service, model, ["a", "b", "c"])
    assert model.asked == [["first"], ["a", "b"]]
    assert counts == {"answered": 3, "full": 1}


async def test_what_has_waited_for_too_long_is_not_judged(socket_path: Path) -> None:
    model = ScriptedModel()
    service = TeacherService(model, deadline_s=30)
    observer = CountingObserver()
    model.may_answer.clear()
    async with served(socket_path, service), connected(socket_path, observer) as client:
        client.request("first", lambda _: None)
        await asyncio.to_thread(model.has_begun.wait, 30)
        client.request("second", lambda _: None)
        await wait_until(lambda: bool(service._waiting))
        service._deadline_s = 0.0
        model.may_answer.set()
        await observer.reached("late")
    assert model.asked == [["first"]]
    assert observer.counts == {"answered": 1, "late": 1}


async def test_a_failing_model_is_reported_and_asked_again(socket_path: Path) -> None:
    observer = CountingObserver()
    async with (
        served(socket_path, TeacherService(ScriptedModel(), deadline_s=30)),
        connected(socket_path, observer) as client,
    ):
        client.request("fail", lambda _: None)
        await observer.reached("failed")
        assert await ask(client, "yes") == 0.25


async def test_a_client_that_breaks_the_protocol_is_disconnected(socket_path: Path) -> None:
    async with served(socket_path, TeacherService(ScriptedModel())):
        reader, writer = await asyncio.open_unix_connection(socket_path)
        writer.write(b"\xff\xff\xff\xff")
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
