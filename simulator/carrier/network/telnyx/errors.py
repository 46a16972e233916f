"""Telnyx's errors, with the codes and titles of developers.telnyx.com/docs/overview/errors."""

from collections.abc import Sequence

# Source: docs, sip-trunking/troubleshooting/response-codes.
_FORBIDDEN = {
    "D1": "User channel limit exceeded",
    "D2": "Outbound profile channel limit exceeded",
    "D10": "Connection is disabled",
    "D13": "Dialed number is not included in whitelisted countries",
}

ErrorBody = dict[str, list[dict[str, object]]]


class TelnyxError(Exception):
    """A refused request with HTTP status, code, title, detail, and JSON pointer of the invalid value."""

    def __init__(self, status: int, code: str, title: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.title, self.detail, self.pointer = status, code, title, detail, pointer

    def body(self) -> ErrorBody:
        """Return the JSON of the response."""
        error: dict[str, object] = {"code": self.code, "title": self.title, "detail": self.detail}
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        error["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{self.code}"}
        return {"errors": [error]}


def unauthorized() -> TelnyxError:
    """Return the error for a missing or wrong API key."""
    detail = "The required authentication headers were either invalid or not included in the request."
    return TelnyxError(401, "10009", "Authentication failed", detail)


def forbidden(tag: str) -> TelnyxError:
    """Return the error for a call that the account's limits or profiles do not allow.

    As at Telnyx, the text ends with the tag.
    """
    detail = f"{_FORBIDDEN.get(tag, 'Forbidden')} {tag}"
    return TelnyxError(403, "10010", "Authorization failed", detail)


def gateway_timeout() -> TelnyxError:
    """Return a timeout error. The command may have been executed."""
    return TelnyxError(504, "10007", "Unexpected error", "An unexpected error occurred.")


def not_found() -> TelnyxError:
    """Return the error for a missing resource."""
    return TelnyxError(404, "10005", "Resource not found", "The requested resource or URL could not be found.")


def malformed(detail: str) -> TelnyxError:
    """Return the error for a body that is not a JSON object."""
    return TelnyxError(400, "10015", "Bad Request", detail)


def missing(name: str) -> TelnyxError:
    """Return the error for a missing parameter."""
    detail = f"The '{name}' parameter is required and cannot be blank."
    return TelnyxError(422, "10004", "Missing required parameter", detail, f"/{name}")


def not_one_of(name: str, allowed: Sequence[object]) -> TelnyxError:
    """Return the error for a value outside its enumeration."""
    detail = f"The value must be one of: {', '.join(str(value) for value in allowed)}."
    return TelnyxError(422, "10032", "Invalid enumerated value", detail, f"/{name}")


def out_of_range(name: str, least: int, most: int) -> TelnyxError:
    """Return the error for a number outside its range."""
    detail = f"The value is outside of allowed range {least} to {most}"
    return TelnyxError(422, "10033", "Value outside of range", detail, f"/{name}")


def invalid(name: str, detail: str) -> TelnyxError:
    """Return the error for an invalid value."""
    return TelnyxError(422, "10015", "Bad Request", detail, f"/{name}")


def not_e164(name: str) -> TelnyxError:
    """Return the error for a value that is not an E.164 number."""
    detail = f"The '{name}' parameter must be in E164 format."
    return TelnyxError(422, "10016", "Phone number must be in +E164 format", detail, f"/{name}")


def no_such_connection() -> TelnyxError:
    """Return the error for an unknown Call Control App."""
    detail = (
        "The requested connection_id (Call Control App ID) is either invalid or does not exist. "
        "Only Call Control Apps with valid webhook URL are accepted."
    )
    title = "Invalid value for connection_id (Call Control App ID)"
    return TelnyxError(422, "10015", title, detail, "/connection_id")


def no_such_call() -> TelnyxError:
    """Return the error for an unknown call control id."""
    detail = "The call_control_id provided was not valid."
    return TelnyxError(422, "90015", "Invalid Call Control ID", detail, "/call_control_id")


def ended() -> TelnyxError:
    """Return the error for a call that has ended."""
    detail = "This call is no longer active and can't receive commands."
    return TelnyxError(422, "90018", "Call has already ended", detail)


def not_answered() -> TelnyxError:
    """Return the error for a command that needs an answered call."""
    detail = "This call can't receive this command because it has not been answered yet."
    return TelnyxError(422, "90034", "Call not answered yet", detail)


def already_streaming() -> TelnyxError:
    """Return the error for a call that already has a media stream."""
    detail = "This command can't be issued when media streaming is used."
    return TelnyxError(422, "90045", "Media Streaming is used", detail)
