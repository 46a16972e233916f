"""Makes a node's credentials from its settings."""

from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from shared.bus.enrollment import Enrollment, MediaPass, matches_url, parse_pass
from shared.secrets import parse_keys


class CredentialsFault(ValueError):
    """setting: its name without the prefix. The message contains no secret."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(fault)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class NodeCredentials:
    """See `WorkerBusOptions`."""

    own_pass: MediaPass
    node_key: bytes = field(default=b"", repr=False)
    unsigned_keys: tuple[bytes, ...] = field(default=(), repr=False)


class CredentialSettings(Protocol):
    """What is needed of the settings."""

    media_pass: SecretStr
    media_node_key: SecretStr
    secret_keys: SecretStr

    @property
    def bus_unsigned(self) -> str:
        """Whether control of the version before is believed."""


def make_credentials(settings: CredentialSettings, url: str) -> NodeCredentials:
    """url: of the node. Without a pass, the keys of the version before make one for it. Raises CredentialsFault."""
    keys = _parse_keys("SECRET_KEYS", settings.secret_keys)
    node_key = _parse_keys("MEDIA_NODE_KEY", settings.media_node_key)
    own_pass = _make_pass(settings.media_pass.get_secret_value(), keys, url)
    accepts = settings.bus_unsigned == "accept" or (not settings.bus_unsigned and not settings.media_pass)
    if accepts and not keys:
        raise CredentialsFault("BUS_UNSIGNED", "needs VOCALIZED_SECRET_KEYS, by which the version before seals")
    return NodeCredentials(own_pass, node_key[0] if node_key else b"", keys if accepts else ())


def _make_pass(text: str, keys: tuple[bytes, ...], url: str) -> MediaPass:
    if not text:
        if not keys:
            raise CredentialsFault(
                "MEDIA_PASS", "needed without --plan: `python -m control keys media-pass URL` makes it"
            )
        return Enrollment(keys).make_pass(url, issued_s=0)
    try:
        found = parse_pass(text)
    except ValueError as error:
        raise CredentialsFault("MEDIA_PASS", str(error)) from None
    if not matches_url(found.url, url):
        raise CredentialsFault("MEDIA_PASS", f"is for {found.url}, and this node is at {url}")
    return found


def _parse_keys(name: str, value: SecretStr) -> tuple[bytes, ...]:
    text = value.get_secret_value()
    try:
        return parse_keys(text) if text else ()
    except ValueError as error:
        raise CredentialsFault(name, str(error)) from None
