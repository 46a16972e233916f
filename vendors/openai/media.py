"""Media adapter for `openai`: a language model behind any OpenAI-compatible chat completions endpoint, streamed over
SSE.
"""

from collections.abc import Mapping, Set
from typing import Any, Final

from media.providers.chat_api import ChatTimeouts
from media.providers.streamed_model import VENDOR_WAIT, StreamedLanguageModel, share_server
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from shared.chat_dialects import RULES, Dialect, DialectRules, detect_dialect, make_chat_url, make_key_headers
from shared.providers.chat import ChatRequest
from shared.providers.errors import ProviderError
from vendors.openai.facts import OpenAiOptions
from vendors.openai.wire import StreamedReply, make_http_error, make_messages, make_tools, parse_error


def dialect_of(options: OpenAiOptions) -> Dialect:
    """Return the configured dialect, or detect the dialect from the host."""
    return options.dialect or detect_dialect(options.base_url)


class OpenAiApi:
    """ChatApi for chat completions.

    Attributes:
        provider: The configured provider. Many servers use this protocol.
    """

    def __init__(self, provider: str, options: OpenAiOptions) -> None:
        self.provider = provider
        self._options = options
        dialect = dialect_of(options)
        self._rules = RULES[dialect]
        self.url = make_chat_url(dialect, options.base_url, options.model, options.api_version)
        self.headers: Mapping[str, str] = make_key_headers(dialect, options.api_key)
        self.timeouts = ChatTimeouts(options.connect_s, options.first_token_s, options.idle_s)

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """Return the body of a streamed request."""
        options, rules = self._options, self._rules
        optional = {
            "temperature": options.temperature,
            "reasoning_effort": options.reasoning_effort,
            "tools": make_tools(request.tools) or None,
            **self._token_limit(rules, refused),
        }
        set_fields = {name: value for name, value in optional.items() if value is not None and name not in refused}
        fixed = {"stream": True, "stream_options": rules.stream_options}
        return {"model": options.model, "messages": make_messages(request), **set_fields, **options.extra, **fixed}

    def make_reader(self) -> StreamedReply:
        return StreamedReply(self.provider, bills_failures=self._rules.bills_failures)

    def find_refused_field(self, body: bytes) -> str:
        """Return the field that an HTTP error refuses; empty for other errors."""
        return parse_error(body).refused_field

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Return the error for an HTTP response that is not a stream."""
        return make_http_error(self.provider, status, body)

    def _token_limit(self, rules: DialectRules, refused: Set[str]) -> dict[str, int | None]:
        options = self._options
        limit = options.max_tokens if options.max_completion_tokens is None else options.max_completion_tokens
        if options.max_completion_tokens is not None or "max_tokens" in refused:
            return {"max_completion_tokens": limit}
        return {rules.completion_limit or "max_tokens": limit}


def _make_llm(setup: ProviderSetup) -> StreamedLanguageModel:
    options: OpenAiOptions = setup.options
    api = OpenAiApi(setup.name, options)
    return StreamedLanguageModel(api, setup.http, share_server(setup, api, options.base_url, options.model))


def _model(options: OpenAiOptions) -> str:
    return options.priced_as or options.model


_REQUEST_OPTIONS: Final = frozenset({"temperature", "max_tokens", "max_completion_tokens", "priced_as"})


def _usual_wait(options: OpenAiOptions) -> UsualWait | None:
    """Return the usual wait at a known vendor.

    Returns None for a self-hosted server, which may compute on a CPU or load its model first.
    """
    return None if dialect_of(options) == "compatible" else VENDOR_WAIT


VENDOR: Final = Vendor(
    "openai",
    llm=Adapter(
        _make_llm,
        OpenAiOptions,
        model=_model,
        request_options=_REQUEST_OPTIONS,
        is_guardable=True,
        usual_wait=_usual_wait,
    ),
)
