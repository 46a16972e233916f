"""Measures the search of documents: python -m tools.knowledge_search [CHUNKS]

On a temporary PostgreSQL one workspace has CHUNKS chunks (100,000), nine others have a tenth of that each. Words are
drawn by Zipf's law, as in natural texts; some are in a few chunks only. It prints percentiles of a search as an agent
runs it, in the workspace's scope under row-level security, for questions of each kind, and the plan of the ranking."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from control.db.migrate import migrate
from control.db.pool import Pool, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.knowledge import queries as knowledge_queries
from control.knowledge.rules import DocumentChunk, KnowledgeDocument
from control.knowledge.search import search_documents
from shared.ids import new_id
from vocalized.services.postgres import serve_postgres

CHUNKS: Final = 100_000
OTHERS: Final = 9
PER_DOCUMENT: Final = 1_000
WORDS_PER_CHUNK: Final = 130
VOCABULARY: Final = 30_000
QUESTIONS: Final = 200
_TIER: Final = """
    INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, max_agents,
                       max_members, max_phone_numbers, max_concurrent_calls)
    VALUES ('a', 'A', 0, 0, 0, 1, 1, 1, 1) ON CONFLICT DO NOTHING
"""
_SIZES: Final = """
    SELECT pg_size_pretty(pg_total_relation_size('knowledge_chunks')),
           pg_size_pretty(pg_relation_size('knowledge_chunks_search'))
"""
_EXPLAIN: Final = """
    EXPLAIN (ANALYZE, BUFFERS) SELECT document_id FROM knowledge_chunks
    WHERE search @@ $1::text::tsquery AND workspace_id = $2 LIMIT 2000
"""
_LETTERS: Final = "bcdfghklmnprstvw"
_VOWELS: Final = "aeiou"


class ZipfTexts:
    """Texts of invented words. words: the most frequent first."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        names = {self._word() for _ in range(VOCABULARY * 2)}
        self.words = sorted(names)[:VOCABULARY]
        self.random.shuffle(self.words)
        self._weights = list(accumulate(1 / rank for rank in range(3, len(self.words) + 3)))

    def draw(self, count: int) -> list[str]:
        """So many words, frequent ones more often."""
        return self.random.choices(self.words, cum_weights=self._weights, k=count)

    def chunks(self, count: int) -> Iterator[DocumentChunk]:
        """Chunks with a heading each."""
        for number in range(count):
            yield DocumentChunk(number, " ".join(self.draw(WORDS_PER_CHUNK)), " ".join(self.draw(2)), number // 3 + 1)

    def _word(self) -> str:
        pairs = range(self.random.randint(2, 4))
        return "".join(self.random.choice(_LETTERS) + self.random.choice(_VOWELS) for _ in pairs) + "x"


async def fill(pool: Pool, texts: ZipfTexts, chunks: int) -> UUID:
    """A workspace with so many chunks."""
    workspace_id = UUID(new_id())
    async with pool.transaction() as db:
        await enter_platform(db)
        await db.execute(_TIER)
        await db.execute(
            "INSERT INTO workspaces (id, name, tier_name, status) VALUES ($1, 'A', 'a', 'active')", workspace_id
        )
    for _ in range(chunks // PER_DOCUMENT):
        document = KnowledgeDocument(
            id=UUID(new_id()), workspace_id=workspace_id, name="Document", format="text", language="en", size_bytes=1,
            status="pending", failure=None, pages=None, chunk_count=0, revision=1, created_by=None,
            created_at=datetime.now(UTC), requested_at=datetime.now(UTC), indexed_at=None,
        )  # fmt: skip
        async with pool.transaction() as db:
            await enter_platform(db)
            await knowledge_queries.insert_document(db, document)
            await knowledge_queries.replace_chunks(db, document, list(texts.chunks(PER_DOCUMENT)))
            await knowledge_queries.finish_document(
                db, document.id, chunk_count=PER_DOCUMENT, indexed_at=datetime.now(UTC)
            )
    return workspace_id


async def measure(pool: Pool, workspace_id: UUID, questions: Sequence[str]) -> tuple[list[float], float]:
    """Milliseconds of each search, sorted, its transaction included; and the share of questions with a result."""
    times, found = [], 0
    for question in questions:
        began = time.perf_counter()
        async with pool.transaction() as db:
            await enter_workspace(db, workspace_id)
            found += bool(await search_documents(db, workspace_id, question))
        times.append((time.perf_counter() - began) * 1_000)
    return sorted(times), found / len(questions)


def make_questions(texts: ZipfTexts) -> dict[str, Callable[[], str]]:
    """A question of each kind."""
    choice, words = texts.random.choice, texts.words
    return {
        "eight words as in the texts": lambda: " ".join(texts.draw(8)),
        "five of the 30 most frequent words": lambda: " ".join(choice(words[:30]) for _ in range(5)),
        "frequent words and a rare one": lambda: " ".join(
            [*(choice(words[:100]) for _ in range(5)), choice(words[-999:])]
        ),
        "a misheard rare word": lambda: f"{choice(words[:100])} {choice(words[-5000:])[:-1]}y",
    }


async def run(url: str, chunks: int) -> None:
    """Fills and measures."""
    texts = ZipfTexts(1)
    async with open_pool(url, size=2) as pool:
        began = time.perf_counter()
        large = await fill(pool, texts, chunks)
        print(f"indexed {chunks:,} chunks in {time.perf_counter() - began:.0f} s", flush=True)
        for _ in range(OTHERS):
            await fill(pool, texts, max(chunks // 10, PER_DOCUMENT))
        async with open_pool(url, size=1, role="owner") as owners, owners.acquire() as owner:
            await owner.execute("VACUUM ANALYZE knowledge_chunks, knowledge_terms, knowledge_documents")
            print("table and index:", *(await owner.fetchrow(_SIZES)))
            await _explain(owner, large, texts)
        for kind, make in make_questions(texts).items():
            times, found = await measure(pool, large, [make() for _ in range(QUESTIONS)])
            p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
            print(
                f"{kind}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {times[-1]:.1f} ms, with result {found:.0%}",
                flush=True,
            )


async def _explain(owner: object, workspace_id: UUID, texts: ZipfTexts) -> None:
    wanted = f"'w:{workspace_id.hex}' & ('{texts.words[300]}' | '{texts.words[3000]}')"
    for row in await owner.fetch(_EXPLAIN, wanted, workspace_id):  # type: ignore[attr-defined]
        print("   ", row[0])


def main() -> None:
    """Serves PostgreSQL, migrates, and measures."""
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else CHUNKS
    with TemporaryDirectory(prefix="vocalized-search-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        with serve_postgres(Path(folder), durable=False) as postgres:
            migrate(postgres.url)
            asyncio.run(run(postgres.url, chunks))


if __name__ == "__main__":
    main()
