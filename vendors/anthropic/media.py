"""Media adapter for `anthropic`: Claude over the Messages API, streamed as server-sent events."""

from collections.abc import Mapping, Set
from typing import Any, Final

from media.providers.chat_api import ChatTimeouts
from media.providers.streamed_model import VENDOR_WAIT, StreamedLanguageModel, share_server
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from shared.providers.chat import ChatRequest
from shared.providers.errors import ProviderError
from vendors.anthropic.facts import ANTHROPIC_URL, AnthropicOptions
from vendors.anthropic.wire import (
    MessageReader,
    choose_thinking,
    drop_sampling,
    make_headers,
    make_http_error,
    make_messages,
    make_messages_url,
    make_system,
    make_tools,
)


class AnthropicApi:
    """ChatApi for Anthropic's Messages API."""

    def __init__(self, provider: str, options: AnthropicOptions) -> None:
        self.provider = provider
        self._options = options
        self.url = make_messages_url(options.base_url)
        self.headers: Mapping[str, str] = make_headers(options.api_key)
        self.timeouts = ChatTimeouts(options.connect_s, options.first_token_s, options.idle_s)

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """Return the body of a streamed request."""
        options = self._options
        optional = {
            "system": make_system(request) or None,
            "tools": make_tools(request.tools) or None,
            **choose_thinking(options.model, options.effort),
        }
        return {
            "model": options.model,
            "max_tokens": options.max_tokens,
            "messages": make_messages(request),
            **{name: value for name, value in optional.items() if value is not None},
            **drop_sampling(options.extra),
            "stream": True,
        }

    def make_reader(self) -> MessageReader:
        return MessageReader(self.provider)

    def find_refused_field(self, body: bytes) -> str:
        """Return "", because a request needs every field that the API could refuse."""
        return ""

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Return the error for an HTTP response that is not a stream."""
        return make_http_error(self.provider, status, body)


def _make_llm(setup: ProviderSetup) -> StreamedLanguageModel:
    options: AnthropicOptions = setup.options
    api = AnthropicApi(setup.name, options)
    return StreamedLanguageModel(api, setup.http, share_server(setup, api, options.base_url, options.model))


def _model(options: AnthropicOptions) -> str:
    return options.model


def _usual_wait(options: AnthropicOptions) -> UsualWait | None:
    """Return the usual wait at Anthropic; None for a self-hosted server, whose speed is unknown."""
    return VENDOR_WAIT if options.base_url.startswith(ANTHROPIC_URL) else None


_REQUEST_OPTIONS: Final = frozenset({"temperature", "max_tokens"})


VENDOR: Final = Vendor(
    "anthropic",
    llm=Adapter(
        _make_llm,
        AnthropicOptions,
        model=_model,
        request_options=_REQUEST_OPTIONS,
        is_guardable=True,
        usual_wait=_usual_wait,
    ),
)
