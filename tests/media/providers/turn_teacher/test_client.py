"""The client: answers in time, and what becomes of the others. A call never waits and never fails for the teacher."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import pytest

from media.providers.engine_process.messages import encode_frame
from media.providers.turn_teacher.client import TeacherClient, TeacherLimits
from media.providers.turn_teacher.service import TeacherService
from media.providers.turn_teacher.wire import Judged
from tests.media.providers.turn_teacher.fakes import (
    PATIENT,
    CountingObserver,
    ScriptedModel,
    ask,
    connected,
    served,
    wait_until,
)

HASTY = replace(PATIENT, deadline_s=0.01)


def fail(_: float) -> None:
    raise AssertionError("an answer that should have been dropped")


async def test_answers_in_time_are_given_and_timed(socket_path: Path) -> None:
    observer = CountingObserver()
    async with served(socket_path, TeacherService(ScriptedModel())), connected(socket_path, observer) as client:
        assert list(await asyncio.gather(ask(client, "so"), ask(client, "yes"))) == [0.25, 0.25]
    assert observer.counts == {"answered": 2}
    assert len(observer.times) == 2


async def test_a_late_answer_is_dropped_and_counted(socket_path: Path) -> None:
    observer, model = CountingObserver(), ScriptedModel()
    model.may_answer.clear()
    async with (
        served(socket_path, TeacherService(model, deadline_s=30)),
        connected(socket_path, observer, HASTY) as client,
    ):
        client.request("so", fail)
        await observer.reached("late")
        model.may_answer.set()
        client._limits = PATIENT
        assert await ask(client, "yes") == 0.25  # the late answer came before this one
    assert observer.counts == {"late": 1, "answered": 1}


async def test_the_teacher_rests_after_several_late_answers_in_a_row(socket_path: Path) -> None:
    observer, model = CountingObserver(), ScriptedModel()
    model.may_answer.clear()
    limits = replace(HASTY, most_late=3, rest_s=60.0, max_pending=3)
    async with (
        served(socket_path, TeacherService(model, deadline_s=30)),
        connected(socket_path, observer, limits) as client,
    ):
        for text in ("a", "b", "c"):
            client.request(text, fail)
        await observer.reached("late", 3)
        client.request("d", fail)
        assert observer.counts == {"late": 3, "off": 1}
        model.may_answer.set()


async def test_rests_grow_up_to_their_limit_and_shrink_after_an_answer(socket_path: Path) -> None:
    observer = CountingObserver()
    client = TeacherClient(socket_path, observer, TeacherLimits(rest_s=1.0, max_rest_s=3.0, deadline_s=30.0))
    rests = []
    for _ in range(4):
        client._rests_until = 0.0
        client._rest("test")
        rests.append(client._rests_until - asyncio.get_running_loop().time())
    assert [round(each) for each in rests] == [1, 2, 3, 3]
    client._rests_until = 0.0
    async with served(socket_path, TeacherService(ScriptedModel())):
        client.start()
        await wait_until(lambda: client.is_connected)
        assert await ask(client, "yes") == 0.25
        assert client._rest_s == 1.0
        await client.close()


async def test_no_more_requests_than_allowed_wait(socket_path: Path) -> None:
    observer, model = CountingObserver(), ScriptedModel()
    model.may_answer.clear()
    limits = replace(PATIENT, max_pending=2)
    async with (
        served(socket_path, TeacherService(model, deadline_s=30)),
        connected(socket_path, observer, limits) as client,
    ):
        asked = [asyncio.ensure_future(ask(client, text)) for text in ("a", "b")]
        await asyncio.sleep(0)
        client.request("c", fail)
        assert observer.counts == {"full": 1}
        model.may_answer.set()
        assert await asyncio.gather(*asked) == [0.25, 0.25]


async def test_without_a_process_requests_are_off(socket_path: Path) -> None:
    observer = CountingObserver()
    client = TeacherClient(socket_path, observer, TeacherLimits(rest_s=60.0))
    client.start()
    client.request("so", fail)
    assert client._connection is not None
    await client._connection
    client.request("yes", fail)
    assert observer.counts == {"off": 2}
    assert client._connection.done()  # it rests: nothing connects
    await client.close()


async def test_a_crash_fails_what_waits_and_the_next_process_is_used(socket_path: Path) -> None:
    observer, model = CountingObserver(), ScriptedModel()
    model.may_answer.clear()
    async with (
        served(socket_path, first := TeacherService(model)) as server,
        connected(socket_path, observer) as client,
    ):
        client.request("so", fail)
        await asyncio.to_thread(model.has_begun.wait, 30)
        server.close()
        for task in tuple(first._clients):
            task.cancel()
        await observer.reached("failed")
        model.may_answer.set()
        await asyncio.to_thread(socket_path.unlink)
        async with served(socket_path, TeacherService(ScriptedModel())):
            client.request("lost", fail)  # connects
            await wait_until(lambda: client.is_connected)
            assert await ask(client, "yes") == 0.25
    assert observer.counts == {"failed": 1, "off": 1, "answered": 1}


@pytest.mark.parametrize("probability", [math.nan, -0.1, 7.0])
async def test_what_is_no_probability_counts_as_failed(socket_path: Path, probability: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(encode_frame(Judged(1, probability)))
        await reader.read()
        writer.close()

    observer = CountingObserver()
    server = await asyncio.start_unix_server(answer, socket_path)
    async with connected(socket_path, observer) as client:
        client.request("so", fail)
        await observer.reached("failed")
    server.close()
    assert observer.counts == {"failed": 1}


async def test_an_unreadable_answer_ends_the_connection(socket_path: Path) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\x00\x00\x02no")
        writer.close()

    observer = CountingObserver()
    server = await asyncio.start_unix_server(babble, socket_path)
    async with connected(socket_path, observer, replace(PATIENT, rest_s=60.0)) as client:
        client.request("so", fail)
        await observer.reached("failed")
        assert client._connection is not None
        await client._connection
        client.request("yes", fail)
    server.close()
    assert observer.counts == {"failed": 1, "off": 1}


async def test_a_process_that_reads_nothing_is_sent_little(socket_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    released, observer = asyncio.Event(), CountingObserver()
    server = await asyncio.start_unix_server(hang, socket_path, limit=1_024)
    async with connected(socket_path, observer, replace(PATIENT, max_pending=10_000)) as client:
        for _ in range(3_000):  # 1.2 MB; the socket's buffer takes 0.2
            client.request("x" * 400, fail)
        assert observer.counts["full"] > 1_000
        released.set()
    server.close()


async def test_a_call_that_fails_with_an_answer_costs_the_others_none(socket_path: Path) -> None:
    def crash(probability: float) -> None:
        raise RuntimeError("a call's own fault")

    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context["exception"]))
    observer = CountingObserver()
    async with (
        served(socket_path, TeacherService(ScriptedModel())),
        connected(socket_path, observer, PATIENT) as client,
    ):
        client.request("so", crash)
        assert await ask(client, "yes") == 0.25
        assert observer.counts == {"answered": 2}
    assert [str(error) for error in failed] == ["a call's own fault"]
