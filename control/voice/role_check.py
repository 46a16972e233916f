"""Checks each role of a provider with a tiny request before its key and settings are saved.

A language model is asked for one word. A recognizer opens a session without audio. A voice opens a session or, if this
does not test the settings, speaks a short word. At most a few characters are billed. For Google's speech, which streams
only over gRPC, the check reads a document.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from control.voice.keys import KEY_OPTION, KeyedProvider
from control.voice.probe import MAX_ERROR_BYTES, ProbeFailed, can_probe, meant_status, open_client, probe, to_http
from control.voice.routing.rules import BASE_URL, KINDS, Kind
from control.voice.socket_exchange import SocketAnswer, SocketFault, exchange, upgrade_headers
from control.voice.vendor_words import read_words, redact
from shared.egress import EgressGuard
from shared.providers.check import SpeechQuestion, VendorCheck
from shared.providers.errors import ProviderError
from vendors.registry import VENDORS, explain_fault, find_check

# Names that vendors use for an option in their errors, if they differ from the option's name.
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model", "deployment"),
    "voice_id": ("voice",),
    "pronunciation_dict_id": ("pronunciation",),
    "keyterm": ("keyterm", "keyword"),
}
_SWITCHING: Final = 101
_REFUSED: Final = 400


class RoleRefused(ProbeFailed):
    """The vendor does not accept a role's settings.

    Args:
        kind: The role.
        option: The invalid option. Empty if the answer does not identify it.
    """

    def __init__(self, failed: ProbeFailed, kind: Kind, option: str) -> None:
        super().__init__(str(failed), status=failed.status, words=failed.words, is_key_refused=failed.is_key_refused)
        self.kind, self.option = kind, option


def can_check(provider: KeyedProvider, kind: Kind) -> bool:
    """Return whether there is a server that can check this role."""
    check = find_check(provider.offer.vendor)
    if check is None or kind not in provider.offer.kinds:
        return False
    return kind in check.questions or can_probe(provider)


async def check_role(provider: KeyedProvider, kind: Kind, timeout_s: float, guard: EgressGuard | None = None) -> float:
    """Check a role and return the milliseconds until the vendor's answer. `can_check` must be true.

    Raises RoleRefused.

    Args:
        guard: Checks an address given by a customer.
    """
    began = time.perf_counter()
    options = provider.offer.defaults(kind)
    check = find_check(provider.offer.vendor)
    try:
        if check is None or kind not in check.questions:
            await probe(provider, timeout_s, guard)
        else:
            await _ask(check, _make_question(check, provider, kind), provider.key, timeout_s, guard)
    except ProbeFailed as failed:
        raise RoleRefused(failed, kind, find_option(failed, options)) from None
    return (time.perf_counter() - began) * 1000


def _make_question(check: VendorCheck, provider: KeyedProvider, kind: Kind) -> SpeechQuestion:
    """Return the request that checks a speech role. Raises ProbeFailed for settings that our adapter would refuse."""
    schema = VENDORS[provider.offer.vendor].schemas[kind]
    try:
        options = msgspec.convert({**provider.offer.defaults(kind), KEY_OPTION: provider.key}, schema)
        return check.questions[kind](options)
    except msgspec.ValidationError as error:
        raise ProbeFailed("settings refused", status=_REFUSED, words=explain_fault(error)) from None
    except ProviderError as error:
        raise ProbeFailed("settings refused", status=_REFUSED, words=error.reason) from None


def find_option(failed: ProbeFailed, options: Mapping[str, Any]) -> str:
    """Return the option that the vendor's answer names. Return the address option if there was no answer.

    Empty if no option is identified.
    """
    if not failed.status:
        return BASE_URL if options.get(BASE_URL) else ""
    text = f"{failed} {failed.words}".lower()
    names = sorted({*options, "model"}, key=lambda name: name != "model")
    found = (name for name in names if any(word in text for word in _WORDS.get(name, (name,))))
    return next(found, "")


async def _ask(
    check: VendorCheck, question: SpeechQuestion, key: str, timeout_s: float, guard: EgressGuard | None
) -> None:
    """Send the request of a speech role. Raises ProbeFailed."""
    headers = {**question.headers, **upgrade_headers()}
    url = to_http(question.url)
    async with open_client(timeout_s, guard) as http, http.stream("GET", url, headers=headers) as response:
        if response.status_code != _SWITCHING:
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_ERROR_BYTES:
                    break
            status = meant_status(response.status_code, body)
            raise ProbeFailed(f"HTTP {status}", status=status, words=read_words(body, key))
        if question.asks_by_handshake:
            return
        try:
            answer = await exchange(response, headers, question.messages, skips_text=question.waits_for_audio)
        except SocketFault as fault:
            raise ProbeFailed(str(fault), status=_SWITCHING) from None
    _require_accepted(check, answer, question, key)


def _require_accepted(check: VendorCheck, answer: SocketAnswer, question: SpeechQuestion, key: str) -> None:
    """Raise ProbeFailed if the first message is an error or the connection closes with an error."""
    if answer.text is not None:
        try:
            message: Any = msgspec.json.decode(answer.text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict):
            raise ProbeFailed("a message that cannot be read", status=_SWITCHING)
        status = check.find_status(message)
        if status is not None:
            words = read_words(answer.text, key)
            raise ProbeFailed(f"error {status}" if status else "error", status=status or _SWITCHING, words=words)
    elif answer.close_code and (answer.close_code != 1000 or question.needs_answer):
        words = redact(answer.close_reason, key)
        raise ProbeFailed(f"closed with {answer.close_code}", status=_SWITCHING, words=words)


async def check_roles(
    provider: KeyedProvider, timeout_s: float, guard: EgressGuard | None = None, wanted: Sequence[Kind] = KINDS
) -> dict[Kind, float]:
    """Check the wanted roles concurrently and return the milliseconds of each.

    Raises the RoleRefused of the first role that failed.
    """
    kinds = [kind for kind in wanted if can_check(provider, kind)]
    asked = [check_role(provider, kind, timeout_s, guard) for kind in kinds]
    took = await asyncio.gather(*asked, return_exceptions=True)
    for result in took:
        if isinstance(result, BaseException):
            raise result
    return dict(zip(kinds, took, strict=True))  # type: ignore[arg-type]  # no exception is left
