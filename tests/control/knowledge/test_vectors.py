"""Search by meaning: pgvector on a real server, and the simulated embedder on a socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from control.agents.call_tools.table import agents_request_handlers
from control.billing.ledger.tasks import PROVIDER, make_record_embedding_job
from control.knowledge import queries as knowledge_queries
from control.knowledge.embedder import BATCH, RECORD_EMBEDDING, Embedder, EmbedderPolicy, EmbeddingUse
from control.knowledge.queries import select_due_for_vectors
from control.knowledge.rules import FoundPassage, key_of
from control.knowledge.search import KnowledgeQuery, KnowledgeSearch
from control.knowledge.tasks import MOST_BATCHES, EmbeddingDuty
from shared.egress import EgressGuard
from simulator.vendors.faults import Fault
from simulator.vendors.server import running_vendor
from tests.control.calls.call_platform import NOW, CallPlatform, open_call_platform
from tests.control.knowledge.library import Library, make_library
from tests.control.media_requests.ends import reference, running_api_process, running_node
from tests.control.tools.tool_workspace import LOOPBACK
from vendors.openai.simulator import EmbeddingsVendor
from vocalized.services.postgres import Postgres

CONCEPTS = {"fee": "cost", "costs": "cost", "cap": "crown"}
CROWN = "A zirconia crown costs 480 dollars."
QUESTION = "fee for a zircon cap"  # no word of the text
VECTORS = "SELECT count(*) FROM knowledge_vectors.chunks"


@pytest.fixture(scope="module")
def database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated database in which the operator has created the extension."""
    yield postgres.create("with_vector", template=migrated)
    postgres.drop("with_vector")


@pytest.fixture
async def platform(
    postgres: Postgres, database_url: str, valkey_url: str, tmp_path: Path
) -> AsyncIterator[CallPlatform]:
    postgres.add_vector("with_vector")
    async with open_call_platform(database_url, valkey_url, tmp_path) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Embedding:
    """The simulated embedder, and what uses it."""

    vendor: EmbeddingsVendor
    embedder: Embedder
    platform: CallPlatform
    search: KnowledgeSearch

    async def run_duty(self, later: timedelta = timedelta(0)) -> int:
        """A run of the worker's duty; returns for how many documents it made vectors."""
        return await EmbeddingDuty(self.embedder).run(self.platform.pool, NOW + later)

    def with_policy(self, **changed: Any) -> "Embedding":
        """The same with another policy."""
        policy = replace(self.embedder.policy, **changed)
        embedder = Embedder(policy, EgressGuard(LOOPBACK))
        return replace(self, embedder=embedder, search=KnowledgeSearch(embedder))

    async def find(self, library: Library, question: str = QUESTION, **query: Any) -> list[FoundPassage]:
        """As an agent does."""
        workspace, search = library.workspace, self.search
        asked = KnowledgeQuery(workspace.workspace_id, question, query.pop("documents", ()), 4)
        async with search.embedding(question) as embedding:
            words = await self.platform.in_workspace(workspace, lambda db: search.find_words(db, asked))
            found = await embedding
        return await self.platform.in_workspace(workspace, lambda db: search.join(db, asked, words, found, NOW))


@pytest.fixture
async def embedding(platform: CallPlatform) -> AsyncIterator[Embedding]:
    """Each test begins without documents."""
    await platform.in_platform(lambda db: db.execute("DELETE FROM knowledge_documents"))
    assert await platform.in_platform(knowledge_queries.prepare_vectors)
    async with running_embedding(platform) as opened:
        yield opened


@asynccontextmanager
async def running_embedding(platform: CallPlatform) -> AsyncIterator[Embedding]:
    vendor = EmbeddingsVendor(concepts=CONCEPTS)
    async with running_vendor(vendor.routes(), None, cancels=True) as address:
        # The question's time is long, because the machine may be busy.
        policy = EmbedderPolicy(f"http://{address}/v1", "small", vendor.state.key, question_s=10.0)
        embedder = Embedder(policy, EgressGuard(LOOPBACK))
        opened = Embedding(vendor, embedder, platform, KnowledgeSearch(embedder))
        yield opened
        await opened.embedder.close()


async def test_passage_is_found_by_meaning_and_joined_with_those_of_words(embedding: Embedding) -> None:
    library = await make_library(embedding.platform)
    document_id = await library.add(CROWN)
    other = await library.add("Parking is free behind the house.", "Parking")
    assert await embedding.find(library) == [], "there are no vectors yet, and no word is the same"
    assert await embedding.run_duty() == 2 and await embedding.run_duty() == 0
    (found,) = await embedding.find(library)
    assert (found.document_id, found.text, found.share) == (document_id, CROWN, 0.0)
    assert [one.document_id for one in await embedding.find(library, "parking fee for a cap")] == [other, document_id]
    assert await embedding.find(library, documents=[other]) == []
    await library.delete(document_id)
    assert await embedding.find(library) == []
    assert await embedding.platform.in_platform(lambda db: db.fetchval(VECTORS)) == 1


@pytest.mark.parametrize("fault", ["half_open", "error", "refuse", "garbage", "rate_limited", "unauthorized"])
async def test_words_alone_answer_without_the_embedder(embedding: Embedding, fault: Any) -> None:
    library = await make_library(embedding.platform)
    await library.add(CROWN)
    await embedding.run_duty()
    quick = embedding.with_policy(question_s=0.2)
    embedding.vendor.state.faults.keep("llm", Fault(fault))
    asked = embedding.vendor.state.opened["llm"]
    began = time.monotonic()
    assert [one.text for one in await quick.find(library, "zirconia crown")] == [CROWN]
    assert time.monotonic() - began < 15 and embedding.vendor.state.opened["llm"] == asked + 1
    await quick.embedder.close()


async def test_vectors_are_resumed_and_made_again(embedding: Embedding, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the embedder failed, after a document changed, and for another model."""
    monkeypatch.setattr("control.knowledge.embedder.RETRY_AFTER_S", (0.0, 0.0))
    library = await make_library(embedding.platform)
    count = BATCH * MOST_BATCHES + 10
    text = "\n\n".join(f"# Part {number}\nThe item {number} is there." for number in range(count))
    document = await library.upload(text)
    await library.index(document)
    faults, vendor, platform = embedding.vendor.state.faults, embedding.vendor, embedding.platform

    async def stored() -> int:
        return int(await platform.in_platform(lambda db: db.fetchval(VECTORS)))

    faults.queue("llm", Fault("error"), 2)  # the third attempt succeeds
    assert await embedding.run_duty() == 1 and await stored() == BATCH * MOST_BATCHES
    faults.queue("llm", Fault("rate_limited"), 3)
    assert await embedding.run_duty() == 0 and await stored() == BATCH * MOST_BATCHES
    assert await embedding.run_duty() == 1 and await stored() == count
    assert await embedding.run_duty() == 0
    sent = [len(body["input"]) for body in vendor.bodies]
    assert sent == [BATCH] * (2 + MOST_BATCHES) + [10] and all(body["dimensions"] == 1_024 for body in vendor.bodies)
    await platform.storage.put(key_of(document), CROWN.encode())
    again = await library.reindex(document.id, NOW + timedelta(hours=1))
    assert await embedding.find(library) == [] and await embedding.run_duty() == 0, "it waits to be indexed"
    await library.index(again)
    assert await embedding.run_duty() == 1 and await stored() == 1
    assert [one.text for one in await embedding.find(library)] == [CROWN]
    other = embedding.with_policy(model="large", dimensions=0)
    vendor.dimensions = 384
    assert await other.find(library) == [], "vectors of another model are not compared"
    assert await other.run_duty() == 1 and await stored() == 1
    assert [one.text for one in await other.find(library)] == [CROWN] and await embedding.find(library) == []
    vendor.dimensions = 1_536
    larger = other.with_policy(model="larger")
    assert await larger.run_duty() == 0, "longer vectors than are stored"
    for one in (other, larger):
        await one.embedder.close()


async def test_refused_document_waits_and_others_go_on(embedding: Embedding, monkeypatch: pytest.MonkeyPatch) -> None:
    library, other = await make_library(embedding.platform), await make_library(embedding.platform)
    await library.add("word " * 20)
    await other.add(CROWN)
    monkeypatch.setattr("vendors.openai.simulator.MOST_TOKENS", 10)
    assert await embedding.run_duty() == 2 and len(embedding.vendor.bodies) == 1
    assert await embedding.run_duty() == 0, "it is tried again after ten minutes, then after twenty"
    assert await embedding.run_duty(timedelta(minutes=11)) == 1 and len(embedding.vendor.bodies) == 1
    assert await embedding.run_duty(timedelta(minutes=22)) == 0
    monkeypatch.undo()
    assert await embedding.run_duty(timedelta(minutes=32)) == 1 and len(embedding.vendor.bodies) == 2


async def test_refused_chunk_leaves_the_others_their_vectors(
    embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = await make_library(embedding.platform)
    await library.add(f"# Long\n{'word ' * 40}\n\n# Crown\n{CROWN}\n\n# Parking\nParking is free.")
    monkeypatch.setattr("vendors.openai.simulator.MOST_TOKENS", 10)
    assert await embedding.run_duty() == 1 and await embedding.run_duty() == 0
    assert await embedding.platform.in_platform(lambda db: db.fetchval(VECTORS)) == 2
    assert [one.text for one in await embedding.find(library)] == [CROWN]
    asked = embedding.vendor.state.opened["llm"]
    assert await embedding.run_duty(timedelta(minutes=11)) == 1, "only what is missing"
    assert embedding.vendor.state.opened["llm"] == asked + 1


async def test_two_workers_do_not_pay_for_the_same_vectors(embedding: Embedding) -> None:
    """Deployments run two: a claim is one worker's, until it ends or that worker has been dead for three minutes."""
    library, platform = await make_library(embedding.platform), embedding.platform
    for number in range(3):
        await library.add(f"{CROWN} {number}")
    embedding.vendor.answer_s = 0.1
    done = await asyncio.gather(embedding.run_duty(), embedding.run_duty())
    assert sum(done) == 3 and sum(len(body["input"]) for body in embedding.vendor.bodies) == 3
    await library.add("Parking is free.")
    due = await platform.in_platform(lambda db: select_due_for_vectors(db, "small/1024", NOW, 8))
    claimed = await platform.in_platform(lambda db: knowledge_queries.claim_for_vectors(db, due, "small/1024", NOW))
    assert len(claimed) == 1, "and then its worker is killed"
    assert await embedding.run_duty(timedelta(minutes=2)) == 0
    assert await embedding.run_duty(timedelta(minutes=4)) == 1


async def test_run_of_a_slow_embedder_ends_before_the_worker_counts_as_unhealthy(
    embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = await make_library(embedding.platform)
    for number in range(3):
        await library.add(f"{CROWN} {number}")
    monkeypatch.setattr("control.knowledge.tasks.BEGIN_WITHIN_S", 0.1)
    embedding.vendor.answer_s = 0.2
    await embedding.run_duty()
    assert len(embedding.vendor.bodies) == 1
    for _ in range(2):
        await embedding.run_duty()
    assert await embedding.run_duty() == 0 and len(embedding.vendor.bodies) == 3


async def test_document_is_deleted_while_its_vectors_are_made(embedding: Embedding) -> None:
    library, platform = await make_library(embedding.platform), embedding.platform
    document_id = await library.add(CROWN)
    embedding.vendor.answer_s = 0.3
    run = asyncio.create_task(embedding.run_duty())
    while not embedding.vendor.bodies:  # noqa: ASYNC110 - until it is asked
        await asyncio.sleep(0.01)
    await library.delete(document_id)
    assert await run == 1
    for table in ("chunks", "documents"):
        count = f"SELECT count(*) FROM knowledge_vectors.{table}"
        assert await platform.in_platform(lambda db, sql=count: db.fetchval(sql)) == 0  # type: ignore[misc]
    uses = [
        msgspec.json.decode(job_payload, type=EmbeddingUse)
        for job_payload in await platform.job_payloads(RECORD_EMBEDDING)
    ]
    assert [use.tokens for use in uses if use.workspace_id == library.workspace.workspace_id] == [6], "it was paid for"


async def test_documents_of_a_deleted_workspace_are_sent_nowhere(embedding: Embedding) -> None:
    library, platform = await make_library(embedding.platform), embedding.platform
    await library.add(CROWN)
    workspace_id = library.workspace.workspace_id
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", workspace_id
        )
    )
    assert await embedding.run_duty() == 0 and embedding.vendor.bodies == []


async def test_changed_number_of_dimensions_makes_vectors_again(embedding: Embedding) -> None:
    library = await make_library(embedding.platform)
    await library.add(CROWN)
    await embedding.run_duty()
    shorter = embedding.with_policy(dimensions=256)
    assert await shorter.find(library) == [] and await shorter.run_duty() == 1
    assert [one.text for one in await shorter.find(library)] == [CROWN] and await embedding.find(library) == []
    await shorter.embedder.close()


async def test_repeated_job_records_what_was_used_once(embedding: Embedding) -> None:
    """Jobs run at least once: a worker may be killed after its commit."""
    library, platform = await make_library(embedding.platform), embedding.platform
    await library.add(CROWN)
    await embedding.run_duty()
    payload = (await platform.job_payloads(RECORD_EMBEDDING))[-1]
    for _ in range(2):
        await make_record_embedding_job(platform.pool)(payload)
    workspace_id, count = library.workspace.workspace_id, "SELECT count(*) FROM usage_records WHERE workspace_id = $1"
    assert await platform.in_platform(lambda db: db.fetchval(count, workspace_id)) == 1


async def test_workspaces_take_turns_and_do_not_see_each_others_vectors(embedding: Embedding) -> None:
    library, other, platform = (
        await make_library(embedding.platform), await make_library(embedding.platform), embedding.platform,
    )  # fmt: skip
    for _ in range(9):
        await library.add(CROWN)
    await other.add("A crown costs 999 dollars.")
    assert await embedding.run_duty() == 8
    owners = "SELECT count(*) FROM knowledge_vectors.{} WHERE workspace_id = $1"
    assert (
        await platform.in_platform(lambda db: db.fetchval(owners.format("chunks"), other.workspace.workspace_id)) == 1
    )
    for table in ("chunks", "documents"):
        mine = owners.format(table)
        seen = await platform.in_workspace(
            other.workspace,
            lambda db, sql=mine: db.fetchval(sql, library.workspace.workspace_id),  # type: ignore[misc]
        )
        assert seen == 0
        with pytest.raises(Exception, match="row-level security"):
            await platform.in_workspace(
                other.workspace,
                lambda db, name=table: db.execute(  # type: ignore[misc]
                    f"INSERT INTO knowledge_vectors.{name} SELECT * FROM knowledge_vectors.{name} LIMIT 0; "
                    f"UPDATE knowledge_vectors.{name} SET workspace_id = gen_random_uuid()"
                ),
            )
    vector = embedding.vendor.make_vector("crown cost", 1_024)
    rank = "SELECT * FROM knowledge_vectors.rank($1, $2::real[], 'small/1024', '{}', 20, $3)"
    for most_compared in (5_000, 0):  # all compared, and by the index
        found = [
            await platform.in_workspace(
                one.workspace,
                lambda db, most=most_compared: db.fetch(rank, other.workspace.workspace_id, vector, most),  # type: ignore[misc]
            )
            for one in (library, other)
        ]
        assert [len(rows) for rows in found] == [0, 1], most_compared
        assert found[1][0]["similarity"] > 0.5


async def test_tool_finds_by_meaning_and_the_ledger_has_what_was_used(embedding: Embedding, valkey_url: str) -> None:
    library, platform = await make_library(embedding.platform), embedding.platform
    await library.add(CROWN)
    await embedding.run_duty()
    call = await platform.admit(library.workspace)
    arguments = json.dumps({"query": QUESTION}).encode()
    handlers = agents_request_handlers(search=embedding.search)
    async with running_api_process(platform, handlers), running_node(valkey_url) as node:
        answer = await node.client.ask(reference(call), "tool.search_knowledge", arguments, deadline_s=30.0)
    assert CROWN in json.loads(json.loads(answer))["passages"][0]["text"]
    record = make_record_embedding_job(platform.pool)
    for payload in await platform.job_payloads(RECORD_EMBEDDING):
        await record(payload)
    rows = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT call_id, quantity, unit, model, details, cost FROM usage_records WHERE provider = $1 "
            "AND workspace_id = $2 ORDER BY call_id NULLS FIRST",
            PROVIDER,
            library.workspace.workspace_id,
        )
    )
    assert [(row["call_id"] is None, int(row["quantity"])) for row in rows] == [(True, 6), (False, 5)]
    assert str(rows[1]["call_id"]) == reference(call).call_id
    assert {(row["unit"], row["model"], row["details"]["purpose"]) for row in rows} == {
        ("prompt_tokens", "small", "embedding")
    }


async def test_without_the_extension_words_are_searched(
    postgres: Postgres, migrated: str, valkey_url: str, tmp_path: Path
) -> None:
    url = postgres.create("without_vector", template=migrated)
    async with open_call_platform(url, valkey_url, tmp_path) as platform, running_embedding(platform) as embedding:
        library = await make_library(platform)
        await library.add(CROWN)
        assert await embedding.run_duty() == 0 and embedding.vendor.bodies == []
        for _ in range(3):
            assert [one.text for one in await embedding.find(library, "zirconia crown")] == [CROWN]
        assert len(embedding.vendor.bodies) == 1, "one question a minute is sent, whose vector is compared with nothing"
        await asyncio.to_thread(postgres.add_vector, "without_vector")  # while the programs run
        assert await embedding.run_duty() == 1
        later = replace(embedding, search=KnowledgeSearch(embedding.embedder))
        assert [one.text for one in await later.find(library)] == [CROWN]
        assert await platform.in_platform(knowledge_queries.has_vectors)
    postgres.drop("without_vector")
