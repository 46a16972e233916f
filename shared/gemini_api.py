"""How Google's Gemini API is addressed, which media and control share; pure.

Sources: the google-genai SDK 3.6.1 (`_api_client.py`, `models.py`, `types.py`, `errors.py`), and of the thinking that
each model takes ai.google.dev/gemini-api/docs/thinking as pipecat-ai 1.14.0 follows it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

VERSION: Final = "v1beta"
_VERSIONS: Final = re.compile(r"/v1(?:beta|alpha)?$")
# The end of a model's name that names one build of it.
_BUILD: Final = re.compile(r"-\d{3}$")
# Models whose thinking has no level below "low".
_NO_MINIMUM: Final = ("gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon")
_KEY_REASONS: Final = ("API_KEY_INVALID", "API_KEY_EXPIRED")


def make_gemini_url(base_url: str, model: str, *, is_streamed: bool) -> str:
    """The address at which a model writes a reply. base_url: with or without the version at its end. The key is never
    part of it, because addresses get into logs."""
    base = base_url.rstrip("/")
    if not _VERSIONS.search(base):
        base = f"{base}/{VERSION}"
    name = quote(model.removeprefix("models/"), safe="")
    return f"{base}/models/{name}:" + ("streamGenerateContent?alt=sse" if is_streamed else "generateContent")


def make_headers(key: str) -> dict[str, str]:
    """The key; none for a server without keys."""
    return {"x-goog-api-key": key} if key else {}


def choose_thinking(model: str, level: str | None) -> Mapping[str, Any]:
    """`thinkingConfig` of the request, empty for the vendor's default. level: `minimal` to `high`; None: as little as
    the model takes, which is none at all for the Flash models of 2.5."""
    if level is not None:
        return {"thinkingLevel": level}
    name = _BUILD.sub("", model.removeprefix("models/"))
    if name.startswith("gemini-2.5"):
        return {"thinkingBudget": 128 if "pro" in name else 0}
    if not name.startswith(("gemini-3", "gemini-4")):
        return {}
    return {"thinkingLevel": "low" if "pro" in name or name in _NO_MINIMUM else "minimal"}


def needs_signatures(model: str) -> bool:
    """Whether the model refuses a call of a tool in the conversation that lacks its `thoughtSignature`."""
    return not model.removeprefix("models/").startswith(("gemini-1", "gemini-2"))


def is_key_refused(status: int, error: Mapping[str, Any]) -> bool:
    """Whether it is the key that is not accepted: besides 401 this is told by status 400 with a reason. error: the
    object under `error`."""
    details = error.get("details")
    reasons = [one.get("reason") for one in details if isinstance(one, Mapping)] if isinstance(details, list) else []
    return status == 401 or any(reason in _KEY_REASONS for reason in reasons)


def is_day_used_up(error: Mapping[str, Any]) -> bool:
    """Whether an answer 429 means the quota of a day, so that waiting does not help."""
    details = error.get("details")
    violations = [
        violation
        for one in (details if isinstance(details, list) else [])
        if isinstance(one, Mapping) and isinstance(one.get("violations"), list)
        for violation in one["violations"]
        if isinstance(violation, Mapping)
    ]
    return any("PerDay" in str(violation.get("quotaId", "")) for violation in violations)
