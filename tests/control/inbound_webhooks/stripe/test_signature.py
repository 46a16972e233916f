"""Stripe's signature against public vectors, and what is read of an event."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from control.inbound_webhooks.source import BadSignature
from control.inbound_webhooks.stripe import TOLERANCE_S, StripeSecrets, from_stored_event, parse_event, to_stored_event
from shared.errors import Malformed

SPEC = Path(__file__).parents[3] / "spec" / "vectors.json"
VECTORS = [one for one in json.loads(SPEC.read_text())["vectors"] if one["provider"] == "stripe"]


def check(vector: dict[str, Any], header: str, *, late_s: int = 0, secrets: tuple[str, ...] = ()) -> None:
    now = datetime.fromtimestamp(vector["timestamp"] + late_s, UTC)
    StripeSecrets(secrets or (vector["secret"],)).check(vector["payload"].encode(), header, now)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["id"])
def test_public_vectors(vector: dict[str, Any]) -> None:
    right = f"t={vector['timestamp']},v1={vector['expected']}"
    check(vector, vector.get("header", right))
    check(vector, f"{right},v0=00")
    check(vector, right.replace("v1=", f"v1={'0' * 64},v1="))
    check(vector, right, secrets=("whsec_old", vector["secret"]))
    rejected = vector.get("signature_to_reject")
    if rejected:
        with pytest.raises(BadSignature):
            check(vector, f"t={vector['timestamp']},v1={rejected}")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "missing"),
        ("t={t}", "wrong"),
        ("v1={v}", "wrong"),
        ("t={t},v0={v}", "wrong"),
        ("t={t}9,v1={v}", "wrong"),
        ("nonsense", "wrong"),
        ("t={t},v1=ü", "wrong"),
    ],
)
def test_other_headers_are_refused(header: str, reason: str) -> None:
    vector = VECTORS[0]
    with pytest.raises(BadSignature) as raised:
        check(vector, header.format(t=vector["timestamp"], v=vector["expected"]))
    assert raised.value.reason == reason


def test_the_tolerance_has_two_sides() -> None:
    vector = VECTORS[0]
    right = f"t={vector['timestamp']},v1={vector['expected']}"
    for late in (-TOLERANCE_S, TOLERANCE_S):
        check(vector, right, late_s=late)
    for late in (-TOLERANCE_S - 1, TOLERANCE_S + 1):
        with pytest.raises(BadSignature) as raised:
            check(vector, right, late_s=late)
        assert raised.value.reason == "stale"


@pytest.mark.parametrize(
    ("kind", "changed", "before", "expected"),
    [
        ("invoice.paid", {"id": "in_1", "object": "invoice", "customer": "cus_1"}, {}, ("invoice", "in_1")),
        ("customer.updated", {"id": "cus_1", "object": "customer"}, {}, ("customer", "cus_1")),
        ("setup_intent.succeeded", {"id": "seti_1", "customer": "cus_1"}, {}, ("customer", "cus_1")),
        ("payment_method.detached", {"id": "pm_1", "customer": None}, {"customer": "cus_1"}, ("customer", "cus_1")),
        ("payment_method.detached", {"id": "pm_1", "customer": None}, {}, (None, "")),
        ("credit_note.voided", {"id": "cn_1", "object": "credit_note", "invoice": "in_1"}, {}, ("invoice", "in_1")),
        ("refund.failed", {"id": "re_1", "payment_intent": "pi_1"}, {}, ("payment", "pi_1")),
        ("refund.created", {"id": "re_1", "payment_intent": None}, {}, (None, "")),
        ("customer.deleted", {"id": "cus_1", "object": "customer"}, {}, ("customer", "cus_1")),
        ("invoice.upcoming", {"object": "invoice"}, {}, (None, "")),
        ("charge.succeeded", {"id": "ch_1"}, {}, (None, "")),
    ],
)
def test_events_name_what_changed(
    kind: str, changed: dict[str, Any], before: dict[str, Any], expected: tuple[str | None, str]
) -> None:
    data = {"object": changed, "previous_attributes": before}
    event = parse_event(json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": data}).encode())
    assert (event.subject, event.subject_id) == expected
    assert from_stored_event(to_stored_event(event)) == event


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": "evt_1", "type": "invoice.paid", "data": {}}'])
def test_rejects_a_body_that_is_not_an_event(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_event(body)
