"""Documents from upload to search, on PostgreSQL and a folder as storage."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from control.db.jobs import JobFailed
from control.knowledge import queries as knowledge_queries
from control.knowledge.queries import lock_workspace
from control.knowledge.rules import documents_prefix, key_of
from control.knowledge.service import DELETE_FILE, INDEX_DOCUMENT, IndexDocumentJob, KnowledgeDocuments
from control.knowledge.tasks import knowledge_tasks
from shared.errors import Conflict, Invalid, NotFound
from shared.storage import StorageUnavailable
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.knowledge.library import PRICES, make_library
from tests.control.knowledge.test_parser import make_pdf


async def test_question_finds_the_passage_with_its_place(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document_id = await library.add()
    pdf = await library.add(make_pdf(3), "Fees")
    best, *others = await library.search("How much is a zirconia crown?")
    assert (best.document_id, best.document, best.heading, best.page) == (document_id, "Price list", "Prices", None)
    assert best.text == "A zirconia crown costs 480 dollars. It takes two visits."
    assert {other.document_id for other in others} <= {pdf}
    assert [one.heading for one in await library.search("where may I park?", [document_id])] == ["Parking"]
    page = (await library.search("482"))[0]
    assert (page.document_id, page.page) == (pdf, 3)
    assert await library.search("Do you sell bicycles?") == []
    found = await library.get(pdf)
    assert (found.status, found.pages, found.chunk_count, found.format) == ("ready", 3, 3, "pdf")


async def test_misheard_words_and_other_languages_are_found(platform: CallPlatform) -> None:
    library = await make_library(platform)
    await library.add()
    await library.add("Eine Wurzelbehandlung kostet 310 Euro. Die Praxen öffnen um neun.", "Preise", "de")
    await library.add("كم سعر التاج؟ 480", "Other", "xx")
    assert (await library.search("a zirkonia crown"))[0].heading == "Prices"
    await library.add("The part " + "a1" * 20 + "x costs 7 dollars.", "Parts")
    assert await library.search("a1" * 20 + "y") == []  # longer words are not compared
    assert (await library.search("Was kosten Wurzelbehandlungen?"))[0].document == "Preise"
    assert (await library.search("Wann öffnet die Praxis oder Praxen?"))[0].document == "Preise"


async def test_frequent_words_are_found_in_the_newest_documents_first(platform: CallPlatform) -> None:
    """1,200 chunks have both words, so 500 of them are ranked: those of the newest documents."""
    library = await make_library(platform)
    text = "\n\n".join(f"# Part {number}\nOpening hours of part {number}." for number in range(600))
    old, new = [await library.add(text, name) for name in ("Old handbook", "Handbook")]
    assert {one.document_id for one in await library.search("opening hours")} == {new}
    assert {one.document_id for one in await library.search("opening hours", [old])} == {old}
    last = await library.add("# Hours\nOpening hours are from nine to five.", "Hours")
    workspace = library.workspace

    async def newest(among: list[UUID], chunks: int, most: int = 9) -> list[UUID]:
        return await platform.in_workspace(
            workspace,
            lambda db: knowledge_queries.select_newest_documents(db, workspace.workspace_id, among, chunks, most),
        )

    assert await newest([], 1_201) == [last, new, old] and await newest([], 601) == [last, new]
    assert await newest([], 1_201, 1) == [last] and await newest([old], 1) == [old] and await newest([], 0) == []


async def test_deleted_document_is_gone_at_once_and_its_file_later(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document_id, kept = await library.add(), await library.add("A bridge costs 900 dollars.", "Bridges")
    key = key_of(await library.get(document_id))
    await library.delete(document_id)
    assert await library.search("zirconia crown") == []
    with pytest.raises(NotFound):
        await library.get(document_id)
    terms = "SELECT array_agg(term ORDER BY term) FROM knowledge_terms WHERE workspace_id = $1"
    left = await platform.in_platform(lambda db: db.fetchval(terms, library.workspace.workspace_id))
    assert left == ["900", "bridg", "cost", "dollar"]
    assert await platform.storage.size(key)
    # A request that was still storing it has ended by then, so no file is left that no row names.
    waits = "SELECT min(execute_after - created) FROM pgqueuer WHERE entrypoint = $1"
    assert await platform.in_platform(lambda db: db.fetchval(waits, DELETE_FILE)) >= timedelta(minutes=1, seconds=59)
    tasks = knowledge_tasks(platform.pool, platform.services[KnowledgeDocuments], platform.storage)
    for payload in await platform.job_payloads(DELETE_FILE):
        await tasks.handlers[DELETE_FILE](payload)
    prefix = documents_prefix(library.workspace.workspace_id)
    assert [one for one in await platform.storage.list_keys() if one.startswith(prefix)] == [f"{prefix}{kept}"]


async def test_workspaces_do_not_find_each_others_documents(platform: CallPlatform) -> None:
    library, other = await make_library(platform), await make_library(platform)
    document_id = await library.add()
    await other.add("An implant costs 1,200 dollars.", "Implants")
    assert await other.search("zirconia crown") == []
    assert await other.search("zirconia crown", [document_id]) == []
    rank = "SELECT * FROM rank_knowledge_chunks($1, 'crown', ARRAY['crown']::tsquery[], ARRAY[1.0], 5, 5)"
    searched = library.workspace.workspace_id
    assert await platform.in_workspace(library.workspace, lambda db: db.fetch(rank, searched))
    assert not await platform.in_workspace(other.workspace, lambda db: db.fetch(rank, searched))


async def test_document_is_indexed_once_and_again_on_request(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document = await library.upload(PRICES)
    assert await library.search("crown") == []
    await library.index(document)
    await platform.storage.put(key_of(document), b"A crown costs 500 dollars.")
    await library.index(document)
    assert (await library.search("crown"))[0].text.startswith("A zirconia crown")
    again = await library.reindex(document.id, NOW)
    assert (again.status, again.revision) == ("pending", 2)
    assert await library.search("zirconia")
    await library.index(document)  # the job of the revision before
    assert (await library.get(document.id)).status == "pending"
    await library.index(again)
    assert [one.text for one in await library.search("crown")] == ["A crown costs 500 dollars."]


async def test_waiting_document_is_not_enqueued_again(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document = await library.upload(PRICES)
    enqueued = len(await platform.job_payloads(INDEX_DOCUMENT))
    assert await library.reindex(document.id, NOW + timedelta(minutes=9)) == document
    assert len(await platform.job_payloads(INDEX_DOCUMENT)) == enqueued
    assert (await library.reindex(document.id, NOW + timedelta(minutes=10))).revision == 2  # its job may be lost
    assert len(await platform.job_payloads(INDEX_DOCUMENT)) == enqueued + 1


async def test_document_is_added_while_another_one_is_indexed(platform: CallPlatform) -> None:
    library = await make_library(platform)
    async with platform.pool.transaction() as db:
        await lock_workspace(db, library.workspace.workspace_id)  # as the job does, for seconds
        async with asyncio.timeout(30):
            await library.insert(b"A crown costs 480 dollars.")


async def test_process_that_cannot_start_is_tried_again(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*command: str, **options: object) -> None:
        raise BlockingIOError

    library = await make_library(platform)
    document = await library.upload(PRICES)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "create_subprocess_exec", fail)
        with pytest.raises(JobFailed, match="parser: BlockingIOError"):
            await library.index(document)
    assert (await library.get(document.id)).status == "pending"


async def test_lost_upload_and_away_storage(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    library = await make_library(platform)
    document = await library.insert(b"A crown costs 480 dollars.")
    job = IndexDocumentJob(document.id, 1)
    with pytest.raises(JobFailed, match="not stored yet"):
        await library.indexer.index(job, NOW + timedelta(seconds=30))
    await library.indexer.index(job, NOW + timedelta(minutes=3))
    found = await library.get(document.id)
    assert (found.status, found.failure) == ("failed", "file_missing")

    async def fail(key: str) -> bytes:
        raise StorageUnavailable("ConnectError")

    second = await library.upload("A crown.")
    with monkeypatch.context() as patched:
        patched.setattr(platform.storage, "get", fail)
        with pytest.raises(JobFailed, match="storage"):
            await library.index(second)
    await library.index(second)
    assert (await library.get(second.id)).status == "ready"


async def test_document_that_fails_says_why_and_is_not_searched(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document = await library.upload(b"%PDF-1.7 broken")
    await library.index(document)
    found = await library.get(document.id)
    assert (found.status, found.failure, found.chunk_count) == ("failed", "unreadable", 0)


async def test_limits_of_settings_and_tier(platform: CallPlatform) -> None:
    library = await make_library(platform)
    features = "UPDATE tiers SET features = features || $1 WHERE tier_name = 'growth'"
    own = {"knowledge_documents": 2, "knowledge_chunks": 3, "knowledge_document_bytes": 1_000}
    await platform.in_platform(lambda db: db.execute(features, own))
    try:
        with pytest.raises(Invalid) as caught:
            await library.insert(b"a" * 1_001)
        assert caught.value.code == "file_too_large"
        await library.add()
        second = await library.upload("# A\none\n# B\ntwo")
        await library.index(second)
        assert (await library.get(second.id)).failure == "workspace_full"
        with pytest.raises(Conflict) as refused:
            await library.insert(b"a")
        assert refused.value.code == "document_limit"
    finally:
        await platform.in_platform(lambda db: db.execute("UPDATE tiers SET features = features - $1::text[]", [*own]))
    assert len(await platform.job_payloads(INDEX_DOCUMENT)) >= 2


async def test_document_whose_job_gave_up_is_failed_after_two_hours(platform: CallPlatform) -> None:
    library = await make_library(platform)
    document = await library.upload(PRICES)
    tasks = knowledge_tasks(platform.pool, platform.services[KnowledgeDocuments], platform.storage)
    (duty,) = tasks.duties
    await duty.run_once(platform.pool, NOW + timedelta(hours=5))
    assert (await library.get(document.id)).status == "pending", "it waits behind those of others, and will be read"
    await platform.in_platform(lambda db: db.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", INDEX_DOCUMENT))
    await duty.run_once(platform.pool, NOW + timedelta(minutes=119))
    assert (await library.get(document.id)).status == "pending"
    await duty.run_once(platform.pool, NOW + timedelta(minutes=121))
    found = await library.get(document.id)
    assert (found.status, found.failure) == ("failed", "gave_up")
