"""The generated Python client: all operations, their types, and events; and where it is written."""

import inspect
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from control.outbound_webhooks.event_types import EventType
from control.outbound_webhooks.rules import new_secret, sign
from shared.ids import new_id
from tests.platform.api_document import api_document
from tests.vocalized.clients.generated_package import async_client, python_client, thread_client
from vocalized.clients.document import customer_document
from vocalized.clients.operations import ApiOperation, method_name, read_operations
from vocalized.clients.python_distribution import OutputNotEmpty, generate_modules, write_python_client
from vocalized.clients.python_types import TypeWriter, UnknownSchema, docstring, python_name

EXAMPLE_EVENT = {
    "id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60",
    "timestamp": "2026-11-26T09:30:00Z",
    "workspace_id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61",
    "object_id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b62",
    "sequence": 1795683600123456,
}


@cache
def customers() -> dict[str, Any]:
    return customer_document(api_document())


@cache
def operations() -> list[ApiOperation]:
    return read_operations(customers())


@pytest.fixture(scope="module")
def package() -> ModuleType:
    return python_client()


def test_customers_have_all_operations_but_those_of_others() -> None:
    """Those of the staff, those that carriers post to, and where browsers are sent."""
    ids = {method["operationId"] for methods in api_document()["paths"].values() for method in methods.values()}
    kept = {operation.raw["operationId"] for operation in operations()}
    left = {name for name in ids - kept if not name.startswith(("admin_", "webhooks_"))}
    staff = {method["operationId"] for path, methods in api_document()["paths"].items() if path.startswith("/admin/")
             for method in methods.values()}  # fmt: skip
    assert left - staff == {"receive_oauth_redirect"} and len(kept) > 100


def test_each_operation_is_a_method_of_both_clients() -> None:
    clients = thread_client("http://localhost"), async_client("http://localhost")
    for operation in operations():
        for client in clients:
            check_method(client, operation)
    clients[0].close()


def check_method(client: Any, operation: ApiOperation) -> None:
    """Its parameters are those of the operation."""
    method = getattr(getattr(client, operation.resource), operation.name)
    names = set(inspect.signature(method).parameters)
    schemas = customers()["components"]["schemas"]
    body = schemas[operation.body["$ref"].rpartition("/")[2]]["properties"] if operation.body else {}
    assert {python_name(key) for key in body} <= names
    assert operation.has_key == ("idempotency_key" in names)
    assert ("workspace_id" in names) == ("{workspaceId}" in operation.path)


def test_names_of_methods() -> None:
    assert method_name("list_agents", "Agents") == method_name("list_numbers", "Phone numbers") == "list"
    assert method_name("create_api_key", "Api keys") == "create" and method_name("get_address", "Addresses") == "get"
    assert method_name("try_http_tool", "Http tools") == "try_http_tool"
    assert method_name("list_versions", "Agents") == "list_versions"


@pytest.mark.parametrize(
    ("schema", "answer", "sent"),
    [
        ({"type": "string", "format": "uuid"}, "UUID", "UUID | str"),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "Decimal | None", "float | None"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "Decimal | str", "float | str | Decimal"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "list[Literal['a', 'b']]", "Sequence[Literal['a', 'b']]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]", "Mapping[str, int]"),
        ({"description": "Anything."}, "Any", "Any"),
    ],
)
def test_types_of_schemas(schema: dict[str, Any], answer: str, sent: str) -> None:
    assert (TypeWriter(is_input=False).write(schema), TypeWriter(is_input=True).write(schema)) == (answer, sent)


@pytest.mark.parametrize("schema", [{"type": "tuple"}, {"allOf": []}, {"type": "object", "properties": {"a": {}}}])
def test_unknown_schema_is_an_error(schema: dict[str, Any]) -> None:
    with pytest.raises(UnknownSchema):
        TypeWriter(is_input=False).write(schema)


@pytest.mark.parametrize("text", ['Ends with "', 'Has """ in it.', "A \\backslash\\", "Two\n\nparagraphs."])
def test_docstrings_are_texts_whatever_is_in_them(text: str) -> None:
    source = "\n".join(["def f():", *docstring(text)])
    names: dict[str, Any] = {}
    exec(source, names)
    assert inspect.getdoc(names["f"]).replace("'''", '"""').strip() == text  # type: ignore[union-attr]


def test_models_have_types_that_can_be_read(package: ModuleType) -> None:
    """Decoders are made of all of them, so none names a class that is not there."""
    decoder = inspect.getmodule(package.NotGiven)._decoder  # type: ignore[union-attr]
    models = [var for var in vars(package.models).values() if is_dataclass(var)]
    assert len(models) > 150
    for model in models:
        decoder(model)
        assert fields(model)


def test_each_code_of_an_error_has_a_meaning(package: ModuleType) -> None:
    codes = {code for operation in operations() for listed in operation.errors.values() for code in listed}
    assert codes <= set(package.ErrorCode) and package.ErrorCode.KEY_EXPIRED == "key_expired"


@pytest.mark.parametrize("kind", get_args(EventType))
def test_event_has_a_class(package: ModuleType, kind: str) -> None:
    schema = customers()["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = schema["properties"]["data"]["$ref"].rpartition("/")[2]
    described = customers()["components"]["schemas"][name]["properties"]
    data = {key: value.get("examples", [None if "anyOf" in value else True])[0] for key, value in described.items()}
    event = receive(package, {"type": kind, "api_version": schema["properties"]["api_version"]["const"], "data": data})
    assert type(event).__name__ != "OtherEvent" and event.type == kind
    assert type(event.data).__name__ == name


def test_newer_event_is_an_other_one(package: ModuleType) -> None:
    for change in ({"type": "call.hummed"}, {"api_version": "2030-01-01"}):
        event = receive(package, {"type": "call.ended", "api_version": "2026-11-26", "data": {"new": 1.5}} | change)
        assert isinstance(event, package.OtherEvent) and event.data == {"new": 1.5}


def test_webhook_with_a_wrong_signature(package: ModuleType) -> None:
    with pytest.raises(package.WebhookInvalid):
        receive(package, {"type": "call.ended", "api_version": "2026-11-26", "data": {}}, secret=new_secret())


@pytest.mark.parametrize("signature", ["", "v1", "v1,a,b", "v1,abc", "v1,\u00e9", "v2,abcd", None])
def test_webhook_whose_signature_is_none(package: ModuleType, signature: str | None) -> None:
    """Whatever a stranger posts is WebhookInvalid, and no failure of the receiver."""
    key, body = new_secret(), b"{}"
    headers = sign(new_id(), datetime.now(UTC), body, [key])
    changed = {} if signature is None else headers | {"webhook-signature": signature}
    with pytest.raises(package.WebhookInvalid):
        package.verify_webhook(body, changed, key)
    with pytest.raises(package.WebhookInvalid):
        package.verify_webhook(b"\xff", headers, key)


def test_signed_webhook_that_is_no_json(package: ModuleType) -> None:
    key, body = new_secret(), b"no json"
    with pytest.raises(package.AnswerInvalid):
        package.verify_webhook(body, sign(new_id(), datetime.now(UTC), body, [key]), key)


def receive(package: ModuleType, event: dict[str, Any], *, secret: str = "") -> Any:
    """Signs as the platform does; `secret` is that of the receiver, if it has another."""
    key = new_secret()
    body = json.dumps(EXAMPLE_EVENT | event).encode()
    headers = sign(new_id(), datetime.now(UTC), body, [key])
    return package.verify_webhook(body, {name.title(): value for name, value in headers.items()}, secret or key)


def test_same_document_makes_the_same_client() -> None:
    assert generate_modules(api_document()) == generate_modules(json.loads(json.dumps(api_document())))


def test_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(OutputNotEmpty):
        write_python_client(api_document(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_client_is_written_anew_over_itself(tmp_path: Path) -> None:
    write_python_client(api_document(), tmp_path)
    old = tmp_path / "src" / "vocalized_client" / "removed.py"
    old.touch()
    write_python_client(api_document(), tmp_path)
    assert not old.exists() and (tmp_path / "pyproject.toml").is_file()
