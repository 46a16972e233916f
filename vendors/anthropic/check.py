"""How control calls Anthropic's Messages API, to check a key or to get a JSON reply.

The API is described in docs/develop/vendors/anthropic.md.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.providers.chat_question import ChatCompletion, ChatFailed, ChatQuestion, ChatUsage, estimate_usage
from shared.providers.check import VendorCheck
from shared.providers.options import BASE_URL
from vendors.anthropic.facts import ANTHROPIC_URL, AnthropicOptions
from vendors.anthropic.wire import choose_thinking, drop_sampling, is_out_of_credit, make_headers, make_messages_url

# Limit for replies of providers without `max_tokens`. Media uses the same default.
_DEFAULT_LIMIT: Final = AnthropicOptions("").max_tokens
_CUT_AT_LIMIT: Final = ("max_tokens", "model_context_window_exceeded")


class _Block(Struct):
    type: str = ""
    text: str = ""


class _Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Reply(Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None


class AnthropicChat:
    """CompletionApi for the Messages API.

    Args:
        options: The provider's options, as in a call plan or the catalog.
    """

    def __init__(self, options: Mapping[str, Any], key: str) -> None:
        self.word_url = self.reply_url = make_messages_url(str(options.get(BASE_URL) or ANTHROPIC_URL))
        self.headers: Mapping[str, str] = make_headers(key)
        self._options = options

    def make_word_body(self, text: str) -> dict[str, Any]:
        """Return the body of the short streamed request that checks a key."""
        limit = self._options.get("max_tokens", _DEFAULT_LIMIT)
        return {**self._fields(limit), "messages": [{"role": "user", "content": text}], "stream": True}

    def has_word(self, event: Any) -> bool:
        """Return whether a streamed event contains part of the answer."""
        return any(event["delta"].get(field) for field in ("text", "thinking"))

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """Return "", because a request needs every field that the API could refuse."""
        return ""

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        del body[name]

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        return status in (401, 403)

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the account has no credit left, according to the status or the error's text."""
        return status == 402 or is_out_of_credit(error)

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """Return a request whose reply must match the question's JSON schema."""
        fields = self._fields(question.max_tokens)
        system = [message["content"] for message in question.messages if message["role"] == "system"]
        output = {**fields.get("output_config", {}), "format": {"type": "json_schema", "schema": question.schema}}
        return {
            **fields,
            "system": "\n\n".join(system),
            "messages": [message for message in question.messages if message["role"] != "system"],
            "output_config": output,
        }

    def loosen_format(self, body: dict[str, Any], error: Mapping[str, Any]) -> bool:
        """Drop the schema from the request if the error refuses it. Returns False for other errors.

        Models before 4.5 accept no schema, and later models do not accept every schema. The prompt contains the schema,
        too.
        """
        text = str(error.get("message")).lower()
        if "format" not in body["output_config"] or not any(word in text for word in ("output_config", "schema")):
            return False
        body["output_config"] = {name: value for name, value in body["output_config"].items() if name != "format"}
        return True

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """Read the reply. Raises ChatFailed if the reply is unreadable, declined or cut at the token limit."""
        try:
            read = msgspec.json.decode(body, type=_Reply)
        except msgspec.DecodeError:
            raise ChatFailed("unreadable", is_temporary=True, usage=estimate_usage(question, "")) from None
        text = "".join(block.text for block in read.content if block.type == "text")
        usage = _read_usage(read.usage) if read.usage else estimate_usage(question, text)
        if read.stop_reason == "refusal":
            raise ChatFailed("declined", ends_chain=True, usage=usage)
        if read.stop_reason in _CUT_AT_LIMIT:
            raise ChatFailed("too_long", ends_chain=True, usage=usage)
        if not text:
            raise ChatFailed("unreadable", is_temporary=True, usage=usage)
        return ChatCompletion(text, usage)

    def _fields(self, max_tokens: int) -> dict[str, Any]:
        model = str(self._options.get("model", ""))
        extra = self._options.get("extra")
        return {
            "model": model,
            "max_tokens": max_tokens,
            **choose_thinking(model, self._options.get("effort")),
            **(drop_sampling(extra) if isinstance(extra, Mapping) else {}),
        }


def _read_usage(usage: _Usage) -> ChatUsage:
    return ChatUsage(
        prompt=max(0, usage.input_tokens),
        cached=max(0, usage.cache_read_input_tokens or 0),
        completion=max(0, usage.output_tokens),
        cache_write=max(0, usage.cache_creation_input_tokens or 0),
    )


CHECK: Final = VendorCheck(completions=AnthropicChat)
