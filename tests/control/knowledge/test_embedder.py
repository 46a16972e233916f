"""The client of embedders against a server on a socket: what it takes, what it refuses, how long it waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from control.knowledge import embedder as knowledge_embedder
from control.knowledge.embedder import (
    MOST_DIMENSIONS,
    MOST_LATE,
    Embedder,
    EmbedderPolicy,
    EmbedderUnavailable,
    TextsRefused,
)
from shared.egress import EgressGuard
from simulator.vendors.server import running_vendor

LOOPBACK = ["127.0.0.0/8"]
ENOUGH_S = 10.0  # where the time does not matter


@dataclass
class Peer:
    """An embedder that answers what a test says, once `goes_on` is set. ports: of the connections, one for each
    request."""

    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    ports: list[int] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    async def embed(self, request: web.Request) -> web.Response:
        """Any request."""
        assert request.transport is not None
        self.ports.append(request.transport.get_extra_info("peername")[1])
        self.bodies.append(await request.json())
        await self.goes_on.wait()
        return web.json_response(self.answer, status=self.status)


def vectors(*lengths: int, **usage: Any) -> dict[str, Any]:
    """An answer with vectors of these lengths."""
    data = [{"index": at, "embedding": [1.0] + [0.0] * (length - 1)} for at, length in enumerate(lengths)]
    return {"data": data, "usage": usage} if usage else {"data": data}


@pytest.fixture
def peer() -> Peer:
    made = Peer(answer=vectors(4, prompt_tokens=2))
    made.goes_on.set()
    return made


@pytest.fixture
async def embedder(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Embedder]:
    monkeypatch.setattr(knowledge_embedder, "RETRY_AFTER_S", (0.0, 0.0))
    async with running_vendor([web.post("/v1/embeddings", peer.embed)], None, cancels=True) as address:
        policy = EmbedderPolicy(f"http://{address}/v1", "small", dimensions=4, question_s=ENOUGH_S)
        opened = Embedder(policy, EgressGuard(LOOPBACK))
        yield opened
        await opened.close()


def with_policy(embedder: Embedder, **changed: Any) -> Embedder:
    return Embedder(replace(embedder.policy, **changed), EgressGuard(LOOPBACK))


async def test_vectors_have_length_one_and_end_in_zeros(embedder: Embedder, peer: Peer) -> None:
    peer.answer = {"data": [{"index": 0, "embedding": [3.0, 0.0, 0.0, 4.0]}], "usage": {"prompt_tokens": 2}}
    found = await embedder.embed_question("two words")
    assert found.vectors == [[0.6, 0.0, 0.0, 0.8] + [0.0] * (MOST_DIMENSIONS - 4)]
    assert (found.tokens, found.is_estimated) == (2, False)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (vectors(3), "3 values, and 4 were requested"),
        (vectors(MOST_DIMENSIONS + 1), "were requested"),
        ({"data": [{"index": 0, "embedding": [0.0] * 4}]}, "no direction"),
        ({"data": [{"index": 0, "embedding": [1e308] * 4}]}, "no direction"),
        ({"data": [{"index": 1, "embedding": [1.0] * 4}]}, "other texts"),
        ({"data": []}, "other texts"),
        ({"data": [{"index": 0, "embedding": "AAAA"}]}, "cannot be read"),
        ({"error": {}}, "cannot be read"),
    ],
)
async def test_unfit_answer_is_no_vector(embedder: Embedder, peer: Peer, answer: dict[str, Any], says: str) -> None:
    peer.answer = answer
    with pytest.raises(EmbedderUnavailable, match=says):
        await embedder.embed_question("question")


async def test_vectors_of_different_lengths_are_refused_where_no_length_was_asked_for(
    embedder: Embedder, peer: Peer
) -> None:
    own = with_policy(embedder, dimensions=0)
    peer.answer = vectors(4, 3)
    with pytest.raises(EmbedderUnavailable, match="different"):
        await own.embed(["a", "b"])
    assert "dimensions" not in peer.bodies[0]
    await own.close()


@pytest.mark.parametrize("tokens", [-1, 10**15, None])
async def test_usage_that_cannot_be_true_is_estimated(embedder: Embedder, peer: Peer, tokens: int | None) -> None:
    peer.answer = vectors(4) if tokens is None else vectors(4, prompt_tokens=tokens)
    found = await embedder.embed_question("abc" * 20)
    assert (found.tokens, found.is_estimated) == (20, True)


@pytest.mark.parametrize(("status", "attempts"), [(401, 1), (403, 1), (404, 1), (429, 3), (500, 3), (302, 1)])
async def test_only_what_may_pass_is_tried_again(embedder: Embedder, peer: Peer, status: int, attempts: int) -> None:
    peer.status = status
    with pytest.raises(EmbedderUnavailable, match=str(status)):
        await embedder.embed(["text"])
    assert len(peer.bodies) == attempts


async def test_refused_texts_are_not_sent_again(embedder: Embedder, peer: Peer) -> None:
    peer.status = 400
    with pytest.raises(TextsRefused):
        await embedder.embed(["text"])
    assert len(peer.bodies) == 1


async def test_guard_refuses_a_private_address(embedder: Embedder, peer: Peer) -> None:
    guarded = Embedder(embedder.policy, EgressGuard(()))
    with pytest.raises(EmbedderUnavailable):
        await guarded.embed_question("question")
    assert peer.bodies == []
    await guarded.close()


async def test_question_that_is_no_unicode_is_unavailable(embedder: Embedder) -> None:
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed_question("\ud800")


async def test_late_answer_keeps_its_connection_for_the_next_question(embedder: Embedder, peer: Peer) -> None:
    """Otherwise no question would be answered where opening a connection takes longer than a question may."""
    quick = with_policy(embedder, question_s=0.05)
    peer.goes_on.clear()
    with pytest.raises(EmbedderUnavailable, match=r"within 0\.05 s"):
        await quick.embed_question("question")
    peer.goes_on.set()
    await asyncio.wait(set(quick._late))
    patient = with_policy(embedder)
    patient._client = quick._client
    assert (await patient.embed_question("question")).tokens == 2
    assert len(set(peer.ports)) == 1 and len(peer.ports) == 2
    await quick.close()


async def test_no_further_question_is_asked_while_several_are_late(embedder: Embedder, peer: Peer) -> None:
    quick = with_policy(embedder, question_s=0.01)
    peer.goes_on.clear()
    for _ in range(MOST_LATE + 3):
        with pytest.raises(EmbedderUnavailable):
            await quick.embed_question("question")
    assert len(peer.ports) <= MOST_LATE
    began = time.monotonic()
    await quick.close()
    assert time.monotonic() - began < 5 and not quick._late


async def test_connection_is_kept_longer_than_between_two_questions(
    embedder: Embedder, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx keeps them for 5 s by itself. Its pool's clock goes on by a minute here."""
    await embedder.embed_question("question")
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60)
    monkeypatch.setattr("httpcore._async.http11.time", later)
    await embedder.embed_question("question")
    assert len(peer.ports) == 2 and len(set(peer.ports)) == 1
