"""Webhooks at the customer's server: envelope, signature, retries, failover and delivery faults."""

import asyncio
import base64
import json
import time
import uuid
from datetime import datetime

import pytest
from cryptography.exceptions import InvalidSignature
from telnyx.types import CallHangupWebhookEvent, CallInitiatedWebhookEvent

from simulator.carrier.network.telnyx.events import envelope, make_event
from simulator.carrier.network.telnyx.signature import WebhookSigner
from simulator.carrier.network.webhook_client import DeliveryFaults
from tests.simulator.carrier.network.telnyx.account import CALLER, SEED, Speaker, account, eventually, verify

# The test key of RFC 8032 section 7.1, TEST 1; signed is "<timestamp>|<body>", as in Telnyx's documentation.
PUBLIC_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
PAYLOAD = b'{"data":{"id":"test-id","event_type":"call.initiated"}}'
SIGNATURE = "bdJ1Mu2hsj3JBfONA1gtq1XpkNWR2inZvd34KwOCN4Zm7eRYK0N0ihKS+6ga0R6IuPgXkSb5M36RS6MdL8bDBg=="


def test_the_signature_of_the_known_key() -> None:
    signer = WebhookSigner(SEED)
    assert signer.public_key == PUBLIC_KEY
    assert signer.headers(PAYLOAD, 1_700_000_000) == {
        "telnyx-timestamp": "1700000000",
        "telnyx-signature-ed25519": SIGNATURE,
    }


@pytest.mark.parametrize("seed", ["not base64!", base64.b64encode(b"short").decode(), ""])
def test_invalid_signing_key_is_refused(seed: str) -> None:
    with pytest.raises(ValueError, match="signing_key"):
        WebhookSigner(seed)


def test_an_envelope() -> None:
    event = make_event("call.cost", {"status": "success"})
    body = json.loads(envelope(event, 2, "https://example.com/webhooks"))
    assert body["meta"] == {"attempt": 2, "delivered_to": "https://example.com/webhooks"}
    assert body["data"]["record_type"] == "event"
    assert uuid.UUID(body["data"]["id"]).version == 4
    assert datetime.fromisoformat(body["data"]["occurred_at"]).tzinfo is not None
    assert body["data"]["occurred_at"].endswith("Z")


async def test_every_webhook_is_signed_over_its_raw_body_and_fits_the_sdk() -> None:
    async with account() as telnyx:
        assert telnyx.carrier.public_key == PUBLIC_KEY
        await telnyx.place_answered_call(Speaker(lasts_ms=200))
        await telnyx.customer.event("call.cost")
        for webhook in telnyx.customer.webhooks:
            verify(webhook, PUBLIC_KEY)
            assert abs(int(webhook.headers["telnyx-timestamp"]) - time.time()) < 60
            assert webhook.headers["Content-Type"] == "application/json"
            webhook.raw += b" "
            with pytest.raises(InvalidSignature):
                verify(webhook, PUBLIC_KEY)
        unwrapped = {
            one.type: telnyx.client.webhooks.unsafe_unwrap(one.raw.decode()) for one in telnyx.customer.webhooks
        }
        initiated = unwrapped["call.initiated"]
        assert isinstance(initiated, CallInitiatedWebhookEvent)
        assert initiated.data is not None and initiated.data.payload is not None
        assert (initiated.data.payload.from_, initiated.data.payload.direction) == (CALLER, "incoming")
        hangup = unwrapped["call.hangup"]
        assert isinstance(hangup, CallHangupWebhookEvent)
        assert hangup.data is not None and hangup.data.payload is not None
        assert hangup.data.payload.call_quality_stats is not None
        assert hangup.data.payload.hangup_cause == "normal_clearing"


async def test_error_response_is_retried_with_the_same_event() -> None:
    async with account() as telnyx:
        telnyx.customer.response_statuses = [500, 404, 200]
        telnyx.place_call(Speaker())
        await telnyx.customer.wait_until(lambda: len(telnyx.customer.webhooks) == 3)
        await telnyx.webhook_client.drain()
        bodies = [webhook.body for webhook in telnyx.customer.webhooks]
        assert len({body["data"]["id"] for body in bodies}) == 1
        assert [body["meta"]["attempt"] for body in bodies] == [1, 2, 3]
        for webhook in telnyx.customer.webhooks:
            verify(webhook, PUBLIC_KEY)


async def test_without_a_failover_url_there_are_three_attempts() -> None:
    async with account() as telnyx:
        telnyx.customer.response_statuses = [500] * 3
        telnyx.place_call(Speaker())
        await telnyx.customer.wait_until(lambda: len(telnyx.customer.webhooks) == 3)
        await telnyx.webhook_client.drain()
        assert [delivery.status for delivery in telnyx.webhook_client.deliveries] == [500, 500, 500]


async def test_after_three_attempts_the_failover_url_is_tried() -> None:
    async with account(webhook_failover_url="failover") as telnyx:
        telnyx.customer.response_statuses = [500] * 4
        telnyx.place_call(Speaker())
        await telnyx.customer.wait_until(lambda: len(telnyx.customer.webhooks) == 5)
        await telnyx.webhook_client.drain()
        assert [webhook.path for webhook in telnyx.customer.webhooks] == ["/webhooks"] * 3 + ["/failover"] * 2
        last = telnyx.customer.webhooks[-1].body["meta"]
        assert last == {"attempt": 5, "delivered_to": f"{telnyx.customer.url}/failover"}


async def test_slow_response_is_a_timeout() -> None:
    async with account(webhook_timeout_s=0.3) as telnyx:
        telnyx.customer.slow = asyncio.Event()
        telnyx.place_call(Speaker())
        await telnyx.customer.wait_until(lambda: len(telnyx.customer.webhooks) == 3)
        await telnyx.webhook_client.drain()
        assert [delivery.failure for delivery in telnyx.webhook_client.deliveries] == ["timeout"] * 3
        telnyx.customer.slow.set()


async def test_delivery_faults_duplicate_and_reorder() -> None:
    async with account(DeliveryFaults(duplicate=True, shuffle_s=0.05)) as telnyx:
        await telnyx.place_answered_call(Speaker(lasts_ms=100))
        await telnyx.customer.event("call.cost", 2)
        await telnyx.customer.event("call.hangup", 2)
        for kind in ("call.initiated", "call.answered", "call.hangup", "call.cost"):
            same = [webhook.body["data"] for webhook in telnyx.customer.webhooks if webhook.type == kind]
            assert len(same) == 2 and same[0] == same[1]


async def test_webhook_url_of_a_call() -> None:
    async with account() as telnyx:
        telnyx.place_call(Speaker(lasts_ms=100))
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        await telnyx.client.calls.actions.answer(control_id, webhook_url=f"{telnyx.customer.url}/failover")
        await eventually(lambda: "call.hangup" in telnyx.customer.types("/failover"))
        assert telnyx.customer.types("/webhooks") == ["call.initiated"]


def test_signature_covers_the_exact_bytes_of_the_json() -> None:
    spaced = json.dumps(json.loads(PAYLOAD)).encode()
    assert spaced != PAYLOAD
    assert WebhookSigner(SEED).headers(spaced, 1_700_000_000)["telnyx-signature-ed25519"] != SIGNATURE
