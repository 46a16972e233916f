"""How control calls Google's Gemini API, to check a key or to get a JSON reply.

The API is described in docs/develop/vendors/google.md.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.providers.chat_question import ChatCompletion, ChatFailed, ChatQuestion, ChatUsage, estimate_usage
from shared.providers.check import VendorCheck
from shared.providers.options import BASE_URL
from vendors.google.facts import GOOGLE_URL
from vendors.google.wire import choose_thinking, is_day_used_up, is_key_refused, make_gemini_url, make_headers

# If a model supports no schema, the request requires any JSON, then plain text. The prompt contains the schema as well.
_FORMAT: Final = ("responseJsonSchema", "responseMimeType")
_WHOLE: Final = ("STOP", "FINISH_REASON_UNSPECIFIED", None)


class _Part(Struct):
    text: str = ""
    thought: bool = False


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _UsageMetadata(Struct, rename="camel"):
    prompt_token_count: int = 0
    cached_content_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0


class _PromptFeedback(Struct, rename="camel"):
    block_reason: str = ""


class _Response(Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: _UsageMetadata | None = None
    prompt_feedback: _PromptFeedback | None = None


class GeminiChat:
    """CompletionApi for the Gemini API.

    Args:
        options: The provider's options, as in a call plan or the catalog.
    """

    def __init__(self, options: Mapping[str, Any], key: str) -> None:
        base_url, self._model = str(options.get(BASE_URL) or GOOGLE_URL), str(options.get("model", ""))
        self.word_url = make_gemini_url(base_url, self._model, is_streamed=True)
        self.reply_url = make_gemini_url(base_url, self._model, is_streamed=False)
        self.headers: Mapping[str, str] = make_headers(key)
        self._options = options

    def make_word_body(self, text: str) -> dict[str, Any]:
        """Return the body of the short streamed request that checks a key."""
        limit = self._options.get("max_tokens")
        settings = self._settings() if limit is None else {**self._settings(), "maxOutputTokens": limit}
        contents = [{"role": "user", "parts": [{"text": text}]}]
        return {"contents": contents, "generationConfig": settings, **self._extra()}

    def has_word(self, event: Any) -> bool:
        """Return whether a streamed event contains part of the answer."""
        return any(part.get("text") for part in event["candidates"][0]["content"]["parts"])

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """Return "", because the errors name no field that a request could omit."""
        return ""

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        body["generationConfig"].pop(name, None)

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the key is refused, according to the status or the error's reason."""
        return status == 403 or is_key_refused(status, error)

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the quota is used up, according to the status or the quota that the error names."""
        return status == 402 or (status == 429 and is_day_used_up(error))

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """Return a request whose reply must match the question's JSON schema."""
        system = [message["content"] for message in question.messages if message["role"] == "system"]
        settings = {
            **self._settings(),
            "maxOutputTokens": question.max_tokens,
            "responseMimeType": "application/json",
            "responseJsonSchema": question.schema,
        }
        return {
            "systemInstruction": {"parts": [{"text": "\n\n".join(system)}]},
            "contents": [_content(message) for message in question.messages if message["role"] != "system"],
            "generationConfig": settings,
            **self._extra(),
        }

    def loosen_format(self, body: dict[str, Any], error: Mapping[str, Any]) -> bool:
        """Remove the strictest part of the reply format if the error refuses it. Returns False for other errors.

        Only the error's text shows that the format is refused.
        """
        text = str(error.get("message")).lower().replace("_", "")
        asked = [name for name in _FORMAT if name in body["generationConfig"]]
        if not asked or not any(word in text for word in ("schema", "responsemimetype", "json mode")):
            return False
        del body["generationConfig"][asked[0]]
        return True

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """Read the reply. Raises ChatFailed if the reply is unreadable, declined or cut at the token limit."""
        try:
            read = msgspec.json.decode(body, type=_Response)
        except msgspec.DecodeError:
            raise ChatFailed("unreadable", is_temporary=True, usage=estimate_usage(question, "")) from None
        candidate = read.candidates[0] if read.candidates else _Candidate()
        parts = candidate.content.parts if candidate.content else None
        text = "".join(part.text for part in parts or () if not part.thought)
        usage = _read_usage(read.usage_metadata) if read.usage_metadata else estimate_usage(question, text)
        if candidate.finish_reason == "MAX_TOKENS":
            raise ChatFailed("too_long", ends_chain=True, usage=usage)
        is_blocked = read.prompt_feedback is not None and bool(read.prompt_feedback.block_reason)
        if is_blocked or candidate.finish_reason not in _WHOLE:
            raise ChatFailed("declined", ends_chain=True, usage=usage)
        if not text:
            raise ChatFailed("unreadable", is_temporary=True, usage=usage)
        return ChatCompletion(text, usage)

    def _settings(self) -> dict[str, Any]:
        temperature = self._options.get("temperature")
        thinking = choose_thinking(self._model, self._options.get("thinking_level"))
        return {
            **({} if temperature is None else {"temperature": temperature}),
            **({"thinkingConfig": thinking} if thinking else {}),
        }

    def _extra(self) -> Mapping[str, Any]:
        extra = self._options.get("extra")
        return extra if isinstance(extra, Mapping) else {}


def _content(message: Mapping[str, str]) -> dict[str, Any]:
    role = "model" if message["role"] == "assistant" else "user"
    return {"role": role, "parts": [{"text": message["content"]}]}


def _read_usage(usage: _UsageMetadata) -> ChatUsage:
    """Return the usage. The API's prompt tokens include cached tokens; its candidate tokens exclude thoughts."""
    cached = max(0, min(usage.cached_content_token_count, usage.prompt_token_count))
    completion = usage.candidates_token_count + usage.thoughts_token_count
    return ChatUsage(max(0, usage.prompt_token_count - cached), cached, max(0, completion))


CHECK: Final = VendorCheck(completions=GeminiChat)
