"""What takes the event loop's time makes way for webhooks, but not for ever."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from control.http.endpoint import LONG_BODY_BYTES
from control.http.limits.webhook_activity import WebhookActivity
from control.inbound_webhooks.source import WebhookOptions
from shared.twilio_signature import sign
from tests.platform.api import running_api
from tests.virtual_time import clock_ms, run_virtual


def test_it_waits_for_the_last_webhook_and_no_longer() -> None:
    async def scenario() -> None:
        activity = WebhookActivity()

        async def webhook(begin_s: float, seconds: float) -> None:
            await asyncio.sleep(begin_s)
            with activity.answering():
                await asyncio.sleep(seconds)

        async with asyncio.TaskGroup() as group:
            group.create_task(webhook(0.0, 0.03))
            group.create_task(webhook(0.01, 0.05))
            await asyncio.sleep(0.02)
            await activity.wait_until_idle(10.0)
            assert round(clock_ms()) == 60

    run_virtual(scenario())


def test_it_does_not_wait_without_webhooks_nor_for_ever() -> None:
    async def scenario() -> None:
        activity = WebhookActivity()
        await activity.wait_until_idle(10.0)
        assert clock_ms() == 0
        with activity.answering():
            await activity.wait_until_idle(0.25)
            assert round(clock_ms()) == 250
        await activity.wait_until_idle(10.0)
        assert round(clock_ms()) == 250

    run_virtual(scenario())


async def test_long_bodies_make_way_for_the_webhooks_of_the_same_api(
    database_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, answered = list[WebhookActivity](), list[WebhookActivity]()

    async def wait(self: WebhookActivity, within_s: float) -> None:
        waits.append(self)

    @contextmanager
    def answering(self: WebhookActivity) -> Iterator[None]:
        answered.append(self)
        yield

    monkeypatch.setattr(WebhookActivity, "wait_until_idle", wait)
    monkeypatch.setattr(WebhookActivity, "answering", answering)
    options, headers = WebhookOptions("", twilio_tokens=[("AC1", "token")]), {"Content-Type": "application/json"}
    async with running_api(database_url, valkey_url, webhooks=options) as api:
        await api.anonymous.post("/auth/login", data=b'{"email":"ann@example.com"}', headers=headers)
        assert not waits
        await api.anonymous.post("/auth/login", data=b'{"email":"%s"}' % (b"a" * LONG_BODY_BYTES), headers=headers)
        assert len(waits) == 1
        path, form = "/webhooks/calls/status", {"AccountSid": "AC1", "CallSid": "CA1", "CallStatus": "completed"}
        for token, count in (("forged", 0), ("token", 1)):
            signature = {"X-Twilio-Signature": sign(token, api.url + path, form.items())}
            async with api.client.post(api.url + path, data=form, headers=signature):
                assert len(answered) == count
        assert answered == waits
