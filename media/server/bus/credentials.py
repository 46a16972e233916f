"""Makes a node's credentials from its settings."""

from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

from shared.bus.enrollment import Enrollment, NodeCredential, matches_url, parse_node_credential
from shared.secrets import parse_keys


class CredentialsFault(ValueError):
    """A setting is invalid. `setting` is its name without the prefix. The message contains no secret."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(fault)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class BusCredentials:
    """The credentials of a node, as described in `WorkerBusOptions`."""

    node_credential: NodeCredential
    node_key: bytes = field(default=b"", repr=False)
    unsigned_keys: tuple[bytes, ...] = field(default=(), repr=False)


class CredentialSettings(Protocol):
    """The settings that `make_credentials` needs."""

    media_pass: SecretStr
    media_node_key: SecretStr
    secret_keys: SecretStr

    @property
    def bus_unsigned(self) -> str:
        """ "accept" if control of the previous release is trusted."""


def make_credentials(settings: CredentialSettings, url: str) -> BusCredentials:
    """Return the credentials of the node at `url`.

    Without a node credential, the secret keys of the previous release are used to create one. Raises CredentialsFault.
    """
    keys = _parse_keys("SECRET_KEYS", settings.secret_keys)
    node_key = _parse_keys("MEDIA_NODE_KEY", settings.media_node_key)
    node_credential = _find_credential(settings.media_pass.get_secret_value(), keys, url)
    accepts = settings.bus_unsigned == "accept" or (not settings.bus_unsigned and not settings.media_pass)
    if accepts and not keys:
        raise CredentialsFault(
            "BUS_UNSIGNED", "requires VOCALIZED_SECRET_KEYS, with which the previous release encrypts"
        )
    return BusCredentials(node_credential, node_key[0] if node_key else b"", keys if accepts else ())


def _find_credential(text: str, keys: tuple[bytes, ...], url: str) -> NodeCredential:
    if not text:
        if not keys:
            raise CredentialsFault(
                "MEDIA_PASS", "required without --plan; create it with `python -m control keys media-pass URL`"
            )
        return Enrollment(keys).make_credential(url, issued_s=0)
    try:
        found = parse_node_credential(text)
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
