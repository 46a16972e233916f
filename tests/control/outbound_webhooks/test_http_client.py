"""The client that posts webhooks."""

import asyncio
import ssl

import httpx
import pytest

from control.outbound_webhooks.http_client import WebhookHttpClient
from shared.egress import EgressGuard
from tests.control.outbound_webhooks.webhook_workspace import LOOPBACK
from tests.control.tools.hostile_peer import plain, running_peer


async def test_requests_that_begin_together_share_one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would read all certificates: 64 of them hold up whatever else the worker does."""
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", make)
    client = WebhookHttpClient(EgressGuard(LOOPBACK), 5.0)
    async with running_peer(plain("", "204 No Content")) as peer:
        answers = await asyncio.gather(*(client.post(peer.url, {}, b"{}", "owner") for _ in range(8)))
    assert [answer.status_code for answer in answers] == [204] * 8
    assert len(made) == 1
