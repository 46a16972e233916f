"""Reads the metrics of a running program."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


async def read_metric(port: int, name: str) -> float:
    """The sum of all samples of that name of the program on a port of this machine. Raises aiohttp.ClientError."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        text = await response.text()
    families = text_string_to_metric_families(text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)
