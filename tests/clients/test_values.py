"""Values of the Python client: to JSON and back."""

import datetime as dt
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vocalized.clients.generated_package import ClientModule

PACKAGE = ClientModule()
VALUES, OPERATION = ClientModule("vocalized_client.values"), ClientModule("vocalized_client.operation")
CLIENTS = ClientModule("vocalized_client.clients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    id: UUID
    at: dt.datetime
    amount: Decimal
    kind: Literal["a", "b"]
    from_: int = field(metadata={"name": "from"})
    names: list[str] = field(default_factory=list)
    inner: "Sample | None" = None


def sample(**changes: Any) -> dict[str, Any]:
    fields = {"id": str(uuid4()), "at": "2026-11-26T09:30:00Z", "amount": 1, "kind": "a", "from": 3}
    return fields | changes


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
@settings(max_examples=50)
def test_money_is_exact(amount: Decimal) -> None:
    content = json.dumps(sample(amount="#")).replace('"#"', f"{amount:f}").encode()
    assert OPERATION.read_answer(Sample, content).amount == amount


def test_object_has_its_types_whatever_else_comes() -> None:
    found = VALUES.decode(Sample, sample(new={"x": 1}, kind="c", inner=sample(names=["x"])))
    assert (found.at.tzinfo, found.from_, found.names, found.inner.names) == (dt.UTC, 3, [], ["x"])
    assert found.kind == "c"


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "x"},
        {"id": None},
        {"at": 5},
        {"amount": "1"},
        {"amount": True},
        {"from": "3"},
        {"names": {}},
        {"inner": 1},
    ],
)
def test_wrong_answer_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(PACKAGE.AnswerInvalid, match="Sample"):
        VALUES.decode(Sample, sample(**wrong))


def test_missing_field_is_named() -> None:
    with pytest.raises(PACKAGE.AnswerInvalid, match="amount"):
        VALUES.decode(Sample, {name: value for name, value in sample().items() if name != "amount"})


def test_what_is_not_given_is_left_out_and_none_is_null() -> None:
    assert VALUES.encode({"a": PACKAGE.NOT_GIVEN, "b": None, "c": {"d": [1.5, "x"]}}) == {
        "b": None,
        "c": {"d": [1.5, "x"]},
    }
    assert VALUES.encode({"price": Decimal("1.10")}) == {"price": "1.10"}
    assert VALUES.encode(dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == "2025-12-31T22:00:00Z"
    assert VALUES.encode_text(True) == "true" and VALUES.encode_text(dt.date(2026, 1, 2)) == "2026-01-02"


def test_what_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="time zone"):
        VALUES.encode({"at": dt.datetime(2026, 1, 1)})
    with pytest.raises(TypeError, match="bytes"):
        VALUES.encode({"a": b"x"})


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_value_that_would_lead_to_another_path(value: str) -> None:
    with pytest.raises(ValueError, match="agentId"):
        OPERATION.Operation("GET", "/agents/{agentId}", path_values={"agentId": value}).url  # noqa: B018


def test_values_of_paths_are_escaped() -> None:
    operation = OPERATION.Operation("GET", "/a/{x}/{y}", path_values={"x": "../b?c", "y": "{x}"})
    assert operation.url == "/a/..%2Fb%3Fc/%7Bx%7D"


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://h"},
        {"base_url": "https://"},
        {"base_url": "https://user@h"},
        {"base_url": "https://:password@h"},
        {"base_url": "https://h?x=1"},
        {"base_url": "https://h#x"},
        {"api_key": ""},
        {"api_key": "key\r\nX: y"},
        {"timeout_s": 0},
    ],
)
def test_settings_that_are_refused(wrong: dict[str, Any]) -> None:
    given_settings: dict[str, Any] = {"base_url": "https://h", "api_key": "k", "timeout_s": 1.0} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CLIENTS.make_settings(workspace_id=None, retries=None, version="1", **given_settings)


def test_headers_of_a_name_come_once_and_hide_the_secret() -> None:
    made = CLIENTS.make_settings(
        base_url="https://h", api_key="the-secret", workspace_id=None, timeout_s=1.0, retries=None, version="1"
    )
    settings_of_caller = replace(made, headers={"user-agent": "mine", "idempotency-key": "theirs", "X-Token": "hidden"})
    sent = settings_of_caller.request(OPERATION.Operation("POST", "/x", idempotency_key="own"))
    headers = sent["headers"]
    assert headers.get_list("User-Agent") == ["mine"] and headers.get_list("Idempotency-Key") == ["own"]
    assert headers["Authorization"] == "Bearer the-secret"
    assert "the-secret" not in f"{sent}{settings_of_caller}" and "hidden" not in repr(settings_of_caller)


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_API_KEY", "from-the-environment")
    monkeypatch.setenv("VOCALIZED_BASE_URL", "https://api.example.com/")
    with PACKAGE.Vocalized() as client:
        sent = client._transport.settings.request(OPERATION.Operation("GET", "/x"))
    assert sent["url"] == "https://api.example.com/x"
    assert sent["headers"]["Authorization"] == "Bearer from-the-environment"
    monkeypatch.delenv("VOCALIZED_BASE_URL")
    with pytest.raises(ValueError, match="VOCALIZED_BASE_URL"):
        PACKAGE.Vocalized()


def test_secret_of_a_function_that_cannot_be_sent_is_in_no_error() -> None:
    credential = OPERATION.Credential(lambda: "secret\r\nX: y")
    with pytest.raises(ValueError, match="api_key") as raised:
        credential.headers  # noqa: B018
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\r\nX: y"])
def test_idempotency_keys_that_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="idempotency_key"):
        OPERATION.make_key(key)
    assert OPERATION.make_key("mine") == "mine"
