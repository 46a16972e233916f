"""The simulated embedder, used by OpenAI's own SDK over TLS."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import openai
import pytest

from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.server import running_vendor
from vendors.openai.simulator import EmbeddingsVendor


@asynccontextmanager
async def official_client(vendor: EmbeddingsVendor, folder: Path) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK without its retries."""
    certificate = make_certificate(folder)
    async with (
        running_vendor(vendor.routes(), certificate, cancels=True) as address,
        openai.AsyncOpenAI(
            api_key=vendor.state.key,
            base_url=f"https://{address}/v1",
            max_retries=0,
            http_client=httpx2.AsyncClient(verify=certificate.client()),
        ) as client,
    ):
        yield client


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_sdk_reads_vectors_and_usage_in_both_encodings(tmp_path: Path) -> None:
    vendor = EmbeddingsVendor(concepts={"cost": "price", "fee": "price"})
    texts = ["The cost of a crown.", "crown fee", "Parking is free."]
    async with official_client(vendor, tmp_path) as client:
        packed = await client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=1024)
        plain = await client.embeddings.create(model="text-embedding-3-small", input=texts[0], encoding_format="float")
    vectors = [item.embedding for item in packed.data]
    assert [item.index for item in packed.data] == [0, 1, 2] and {len(one) for one in vectors} == {1024}
    assert all(math.isclose(math.hypot(*vector), 1, rel_tol=1e-5) for vector in vectors)
    assert cosine(vectors[0], vectors[1]) > 0.5 > 0.2 > cosine(vectors[0], vectors[2])
    assert len(plain.data[0].embedding) == vendor.dimensions
    assert [body.get("encoding_format") for body in vendor.bodies] == ["base64", "float"]
    billed = packed.usage.prompt_tokens + plain.usage.prompt_tokens
    assert billed == packed.usage.total_tokens + 5 == vendor.state.total("llm", "prompt_tokens") == 15


@pytest.mark.parametrize("texts", [[], [""], ["a"] * 2_049, ["a " * 9_000]])
async def test_texts_beyond_the_limits_are_refused(texts: list[str], tmp_path: Path) -> None:
    async with official_client(EmbeddingsVendor(), tmp_path) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(model="m", input=texts)
    assert refused.value.param == "input"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unauthorized", openai.AuthenticationError),
        ("rate_limited", openai.RateLimitError),
        ("no_credit", openai.RateLimitError),
        ("error", openai.InternalServerError),
        ("refuse", openai.APIConnectionError),
    ],
)
async def test_faults_are_the_sdk_s_errors(fault: FaultKind, error: type[Exception], tmp_path: Path) -> None:
    vendor = EmbeddingsVendor(models=frozenset({"m"}))
    vendor.state.faults.queue("llm", Fault(fault))
    async with official_client(vendor, tmp_path) as client:
        with pytest.raises(error):
            await client.embeddings.create(model="m", input="a")
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="other", input="a")
        assert (await client.embeddings.create(model="m", input="a")).data
