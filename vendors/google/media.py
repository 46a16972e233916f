"""Media adapter for `google`: Gemini over `generativelanguage.googleapis.com`, streamed as server-sent events."""

from collections.abc import Mapping, Set
from typing import Any, Final

from media.providers.chat_api import ChatTimeouts
from media.providers.streamed_model import VENDOR_WAIT, StreamedLanguageModel, share_server
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from shared.providers.chat import ChatRequest
from shared.providers.errors import ProviderError
from vendors.google.facts import GOOGLE_URL, GoogleOptions
from vendors.google.wire import (
    ContentReader,
    choose_thinking,
    make_contents,
    make_gemini_url,
    make_headers,
    make_http_error,
    make_system,
    make_tools,
    needs_signatures,
)


class GeminiApi:
    """ChatApi for the Gemini API in one call. It stores the signatures of the call's tool calls, which have no place in
    the conversation.
    """

    def __init__(self, provider: str, options: GoogleOptions) -> None:
        self.provider = provider
        self._options = options
        self._signatures: dict[str, str] = {}
        self.url = make_gemini_url(options.base_url, options.model, is_streamed=True)
        self.headers: Mapping[str, str] = make_headers(options.api_key)
        self.timeouts = ChatTimeouts(options.connect_s, options.first_token_s, options.idle_s)

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """Return the body of a streamed request."""
        options = self._options
        config = {
            "temperature": options.temperature,
            "maxOutputTokens": options.max_tokens,
            "thinkingConfig": choose_thinking(options.model, options.thinking_level) or None,
        }
        optional = {
            "systemInstruction": make_system(request),
            "tools": make_tools(request.tools) or None,
            "generationConfig": {name: value for name, value in config.items() if value is not None} or None,
        }
        signatures = self._signatures if needs_signatures(options.model) else None
        set_fields = {name: value for name, value in optional.items() if value is not None}
        return {"contents": make_contents(request, signatures), **set_fields, **options.extra}

    def make_reader(self) -> ContentReader:
        return ContentReader(self.provider, self._signatures)

    def find_refused_field(self, body: bytes) -> str:
        """Return "", because the errors name no field that a request could omit."""
        return ""

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Return the error for an HTTP response that is not a stream."""
        return make_http_error(self.provider, status, body)


def _make_llm(setup: ProviderSetup) -> StreamedLanguageModel:
    options: GoogleOptions = setup.options
    api = GeminiApi(setup.name, options)
    return StreamedLanguageModel(api, setup.http, share_server(setup, api, options.base_url, options.model))


def _model(options: GoogleOptions) -> str:
    return options.model


def _usual_wait(options: GoogleOptions) -> UsualWait | None:
    """Return the usual wait at Google; None for a self-hosted server, whose speed is unknown."""
    return VENDOR_WAIT if options.base_url.startswith(GOOGLE_URL) else None


_REQUEST_OPTIONS: Final = frozenset({"temperature", "max_tokens"})


VENDOR: Final = Vendor(
    "google",
    llm=Adapter(
        _make_llm,
        GoogleOptions,
        model=_model,
        request_options=_REQUEST_OPTIONS,
        is_guardable=True,
        usual_wait=_usual_wait,
    ),
)
