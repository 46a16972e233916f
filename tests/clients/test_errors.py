"""Errors of the Python client: what they say, and that processes can hand them on."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.vocalized.clients.generated_package import ClientModule

PACKAGE = ClientModule()
ERRORS, WEBHOOKS = ClientModule("vocalized_client.errors"), ClientModule("vocalized_client.webhooks")
FAULT = {"param": "name", "code": "too_short", "message": "Too short."}
BODY = {"error": {"code": "invalid", "message": "No.", "param": "name", "errors": [FAULT], "request_id": "r1"}}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ERRORS.make_error(422, BODY, request_id="", retry_after_s=None),
        lambda: ERRORS.make_error(429, None, request_id="r2", retry_after_s=3.0),
        lambda: PACKAGE.RequestTimedOut("ReadTimeout: ", was_sent=True),
        lambda: PACKAGE.AnswerInvalid("the answer is no JSON"),
        lambda: WEBHOOKS.WebhookInvalid("No matching signature found"),
    ],
)
def test_errors_survive_pickle(make: Callable[[], Any]) -> None:
    """A pool of processes breaks at an error that it cannot read."""
    error = make()
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error) and str(found) == str(error) and vars(found) == vars(error)


def test_error_has_what_the_answer_says() -> None:
    error = ERRORS.make_error(422, BODY, request_id="", retry_after_s=None)
    assert str(error) == "422 invalid (name): No. [request r1]"
    assert error.errors == (PACKAGE.FieldError("name", "too_short", "Too short."),)


@pytest.mark.parametrize("body", [None, [], {"error": "x"}, {"error": {"errors": [1]}}, {"detail": "x"}])
def test_body_of_a_proxy_is_an_error_without_a_code(body: Any) -> None:
    error = ERRORS.make_error(502, body, request_id="r3", retry_after_s=None)
    assert (type(error), error.status, error.code, error.request_id) == (PACKAGE.ServerFailed, 502, "", "r3")
