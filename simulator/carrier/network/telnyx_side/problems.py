"""Telnyx's errors, with the codes and titles of its API reference."""

from collections.abc import Sequence

ErrorBody = dict[str, list[dict[str, object]]]


class TelnyxProblem(Exception):
    """A request that Telnyx refuses: HTTP status, code, title, detail and the JSON pointer of what is wrong."""

    def __init__(self, status: int, code: str, title: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.title, self.detail, self.pointer = status, code, title, detail, pointer

    def body(self) -> ErrorBody:
        """The answer's JSON."""
        error: dict[str, object] = {"code": self.code, "title": self.title, "detail": self.detail}
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        error["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"}
        return {"errors": [error]}


def unauthorised() -> TelnyxProblem:
    """No key, or not the account's."""
    detail = "The required authentication headers were either invalid or not included in the request."
    return TelnyxProblem(401, "10009", "Authentication failed", detail)


def not_found() -> TelnyxProblem:
    """No such resource."""
    return TelnyxProblem(404, "10005", "Resource not found", "The requested resource or URL could not be found.")


def malformed(detail: str) -> TelnyxProblem:
    """The body is no JSON object."""
    return TelnyxProblem(400, "10015", "Bad Request", detail)


def missing(name: str) -> TelnyxProblem:
    """A required parameter isn't there."""
    detail = f"The '{name}' parameter is required and cannot be blank."
    return TelnyxProblem(422, "10004", "Missing required parameter", detail, f"/{name}")


def not_one_of(name: str, allowed: Sequence[object]) -> TelnyxProblem:
    """A value outside of its enumeration."""
    detail = f"The value must be one of: {', '.join(str(value) for value in allowed)}."
    return TelnyxProblem(422, "10032", "Invalid enumerated value", detail, f"/{name}")


def out_of_range(name: str, least: int, most: int) -> TelnyxProblem:
    """A number outside of its range."""
    detail = f"The value is outside of allowed range {least} to {most}"
    return TelnyxProblem(422, "10033", "Value outside of range", detail, f"/{name}")


def invalid(name: str, detail: str) -> TelnyxProblem:
    """A value that can't be what it must be."""
    return TelnyxProblem(422, "10015", "Bad Request", detail, f"/{name}")


def not_e164(name: str) -> TelnyxProblem:
    """Not a phone number."""
    detail = f"The '{name}' parameter must be in E164 format."
    return TelnyxProblem(422, "10016", "Phone number must be in +E164 format", detail, f"/{name}")


def no_such_connection() -> TelnyxProblem:
    """The Call Control App isn't the account's."""
    detail = (
        "The requested connection_id (Call Control App ID) is either invalid or does not exist. "
        "Only Call Control Apps with valid webhook URL are accepted."
    )
    title = "Invalid value for connection_id (Call Control App ID)"
    return TelnyxProblem(422, "10015", title, detail, "/connection_id")


def no_such_call() -> TelnyxProblem:
    """The call control id is nobody's."""
    detail = "The call_control_id provided was not valid."
    return TelnyxProblem(422, "90015", "Invalid Call Control ID", detail, "/call_control_id")


def ended() -> TelnyxProblem:
    """A command for a call that is over."""
    detail = "This call is no longer active and can't receive commands."
    return TelnyxProblem(422, "90018", "Call has already ended", detail)


def not_answered() -> TelnyxProblem:
    """A command that wants a call in progress."""
    detail = "This call can't receive this command because it has not been answered yet."
    return TelnyxProblem(422, "90034", "Call not answered yet", detail)


def streaming_already() -> TelnyxProblem:
    """One media stream per call."""
    detail = "This command can't be issued when media streaming is used."
    return TelnyxProblem(422, "90045", "Media Streaming is used", detail)
