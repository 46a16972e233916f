"""What the staff declare is checked: each fault names its field."""

import copy
from typing import Any

import pytest

from control.integrations.types.rules import parse_type_config, require_addresses
from shared.egress import EgressGuard
from shared.errors import Invalid

CONFIG: dict[str, Any] = {
    "base_url": "https://{{config.tenant}}.example.com",
    "oauth": {"authorize_url": "https://a.example.com/authorize", "token_url": "https://a.example.com/token"},
    "config_schema": {"type": "object", "properties": {"tenant": {"type": "string"}}},
    "actions": [
        {
            "name": "find",
            "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
            "request": {"method": "GET", "path": "/find", "query": {"q": "{{input.q}}", "run": "{{input.key}}"}},
            "response": {"items": "/items", "fields": {"id": "/id"}},
        }
    ],
    "sync": [
        {
            "name": "contacts",
            "record": "contact",
            "request": {"method": "GET", "path": "/contacts", "query": {"since": "{{since}}", "after": "{{cursor}}"}},
            "pagination": {"kind": "cursor", "param": "after", "next": "/next"},
            "response": {"items": "/items", "fields": {"external_id": "/id"}},
        }
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """CONFIG with another value at this path."""
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    target: Any = config
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[last] = value
    return config


def test_whole_config_is_accepted() -> None:
    config = parse_type_config(CONFIG, "oauth2")
    require_addresses(config, EgressGuard())
    found = config.action("find")
    assert found is not None and found.request.placeholders() == {"input.q", "input.key"}
    assert config.action("other") is None


@pytest.mark.parametrize(
    ("path", "value", "param", "words"),
    [
        ("actions.0.request.query", {"q": "{{input.other}}"}, "config.actions.0", "no property 'other'"),
        ("actions.0.request.query", {"q": "{{cursor}}"}, "config.actions.0", "none of input, config"),
        ("actions.0.request.query", {"q": "{{ q"}, "config.actions.0", "not a placeholder"),
        ("actions.0.request.path", "/x/{{config.other}}", "config", "no property 'other'"),
        ("actions.0.request.path", "https://evil.example", "config.actions.0.request.path", ""),
        ("actions.0.request.path", "/x?y=1", "config.actions.0.request.path", ""),
        ("actions.0.request.body", {"{{input.q}}": 1}, "config.actions.0", "not a placeholder"),
        ("actions.0.request.headers", {"X": "a\r\nHost: b"}, "config.actions.0.request.headers.X", ""),
        ("actions.0.input_schema", {"type": "object", "$ref": "https://evil.example"}, "config.actions.0", "$ref"),
        ("actions.0.input_schema", {"type": "nothing"}, "config.actions.0", "not a JSON Schema"),
        ("actions.0.input_schema", {"type": "array"}, "config.actions.0", "object"),
        ("actions.0.response.fields", {"id": "id"}, "config.actions.0.response.fields.id", ""),
        ("actions.0.response.failures", ["error"], "config.actions.0.response.failures.0", ""),
        ("calendar", {"setting": "other"}, "config", "no property 'other'"),
        ("actions", [CONFIG["actions"][0], CONFIG["actions"][0]], "config", "declared twice"),
        ("sync.0.request.method", "DELETE", "config.sync.0", "changes nothing"),
        ("sync.0.response.fields", {"name": "/n"}, "config.sync.0", "external_id"),
        ("sync.0.pagination", {"kind": "cursor"}, "config.sync.0.pagination", "param"),
        ("oauth.authorize_params", {"state": "x"}, "config.oauth", "state"),
        ("oauth.config_fields", ["refresh_token"], "config.oauth", "is a secret"),
        ("oauth.other", 1, "config.oauth.other", ""),
        ("api_key", {}, "config.api_key", "not used"),
    ],
)
def test_fault_names_its_field(path: str, value: Any, param: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_type_config(changed(path, value), "oauth2")
    assert caught.value.param == param, caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize("auth_type", ["api_key", "webhook"])
def test_oauth_is_for_its_own_auth_type(auth_type: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_type_config(CONFIG, auth_type)
    assert caught.value.param == "config.oauth"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("oauth.token_url", "http://a.example.com/token"),
        ("oauth.authorize_url", "https://169.254.169.254/latest"),
        ("oauth.revoke_url", "https://10.0.0.1/x"),
        ("oauth.userinfo_url", "file:///etc/passwd"),
        ("base_url", "https://localhost.localdomain:22"),
    ],
)
def test_address_that_leads_into_our_network_is_refused(path: str, url: str) -> None:
    with pytest.raises(Invalid) as caught:
        require_addresses(parse_type_config(changed(path, url), "oauth2"), EgressGuard())
    assert (caught.value.code, caught.value.param) == ("address_invalid", f"config.{path}")
