"""Requests of declarations: no value leaves its place."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.integrations.actions.rules import authorize_link, fill_pointer, fill_request
from control.integrations.types.rules import IntegrationTypeConfig, RequestTemplate, find_value
from shared.errors import Invalid

TYPE = IntegrationTypeConfig.model_validate({"base_url": "https://api.example.com/v1", "api_key": {}})
ROOT = RequestTemplate.model_validate({"method": "GET"})
TEMPLATE = RequestTemplate(
    method="POST",
    path="/things/{{input.id}}/parts",
    query={"q": "{{input.q}}", "fixed": "a b"},
    headers={"X-Name": "n-{{input.name}}"},
    body={"text": "Hello {{input.q}}", "count": "{{input.n}}", "none": "{{input.missing}}", "null": None},
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda t: t not in (".", "..")
)


@given(TEXTS, TEXTS, st.one_of(st.integers(), st.booleans(), st.lists(st.integers(), max_size=3)))
@settings(max_examples=150, deadline=None)
def test_values_stay_in_their_places(thing: str, q: str, n: Any) -> None:
    values = {"input": {"id": thing, "q": q, "n": n, "name": "x"}}
    request = fill_request(TYPE, TEMPLATE, values, token="secret")
    parts = urlsplit(request.url)
    assert (parts.scheme, parts.netloc) == ("https", "api.example.com")
    assert [unquote(one) for one in parts.path.split("/")] == ["", "v1", "things", thing, "parts"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", q), ("fixed", "a b")]
    assert json.loads(request.body or b"") == {"text": f"Hello {q}", "count": n, "null": None}
    assert request.headers == {
        "X-Name": "n-x", "Authorization": "Bearer secret", "Content-Type": "application/json",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a\r\nX-Other: 1", "ü", "\0"])
def test_header_holds_ascii_only(name: str) -> None:
    with pytest.raises(Invalid, match="X-Name: a header holds printable ASCII"):
        fill_request(TYPE, TEMPLATE, {"input": {"id": "1", "name": name}}, token="t")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_resource_needs_a_name(value: str) -> None:
    with pytest.raises(Invalid, match=r"input\.id"):
        fill_request(TYPE, TEMPLATE, {"input": {"id": value, "name": "x"}}, token="t")


@pytest.mark.parametrize("value", ["evil.example/", "a@evil.example", "evil.example#", "", None, "a b"])
def test_part_of_a_host_is_a_hosts_name(value: str | None) -> None:
    config = IntegrationTypeConfig.model_validate(
        {
            "base_url": "https://{{config.shop}}.example.com",
            "config_schema": {"type": "object", "properties": {"shop": {}}},
        }
    )
    with pytest.raises(Invalid, match=r"config\.shop"):
        fill_request(config, ROOT, {"config": {"shop": value}}, token="")
    request = fill_request(config, ROOT, {"config": {"shop": "mine"}}, token="")
    assert request.url == "https://mine.example.com"


def test_credentials_stay_on_the_vendors_server() -> None:
    link = authorize_link(TYPE, "https://API.example.com/v1/next?page=2", "secret")
    assert link.headers == {"Authorization": "Bearer secret"}
    for url in ("https://evil.example/v1", "https://api.example.com.evil.example", "http://api.example.com/v1", "//x"):
        with pytest.raises(Invalid, match="another server"):
            authorize_link(TYPE, url, "secret")


@given(TEXTS)
@settings(max_examples=50, deadline=None)
def test_value_in_a_pointer_is_one_name(name: str) -> None:
    pointer = fill_pointer("/calendars/{{config.id}}/busy", {"config": {"id": name}})
    assert find_value({"calendars": {name: {"busy": [1]}}}, pointer) == [1]


def test_index_of_a_list_is_a_number_of_few_digits() -> None:
    assert find_value({"a": [1, 2]}, "/a/1") == 2
    for key in ("2", "-1", "1\n", "x", "", "\u0661", "9" * 5_000):
        assert find_value({"a": [1, 2]}, f"/a/{key}") is None
