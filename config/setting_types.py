"""The types of settings: how a variable's text becomes a value, and what may be wrong with it."""

import re
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

_CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
_REDIS_SCHEMES = ("redis", "rediss", "unix", *_CLUSTER_SCHEMES)

# The PostgreSQL roles as which programs sign in.
_LOGINS = ("vocalized_api", "vocalized_worker", "vocalized_backup")


def _list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _lines(value: Any) -> Any:
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


def _figures(value: Any) -> Any:
    """Parse limits such as login=20/60,signup=5/3600."""
    if not isinstance(value, str):
        return value
    found = [re.fullmatch(r"([\w-]+)=(\d+)/(\d+)", part) for part in _list(value)]
    if None in found:
        raise ValueError("limits are written name=times/seconds, separated by commas")
    return {match[1]: (int(match[2]), int(match[3])) for match in found if match}


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be a network like 10.0.0.0/8") from None


def _web_url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise ValueError("must be an http or https URL")
    return text.rstrip("/")


def _origin(text: str) -> str:
    if urlsplit(_web_url(text)).path or text.endswith("/"):
        raise ValueError("an origin is scheme, host and port, without a path")
    return text


def _server_url(schemes: tuple[str, ...], *, optional: bool = False) -> AfterValidator:
    """Return a validator that finds errors which the driver would report only by a traceback, or only when it connects.

    The message contains no part of the URL.

    Args:
        optional: An empty value is allowed.
    """

    def check(secret: SecretStr) -> SecretStr:
        if optional and not secret:
            return secret
        parts = urlsplit(secret.get_secret_value())
        if parts.scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        for host in parts.netloc.rpartition("@")[2].split(","):
            if not re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(:[0-9]{1,5})?", host):
                raise ValueError("a host is a name or an address, and a port is a number")
        return secret

    return AfterValidator(check)


def _redis_cluster_url() -> AfterValidator:
    """Return a validator. A cluster has one database, and its client would silently ignore options in the URL."""

    def check(secret: SecretStr) -> SecretStr:
        parts = urlsplit(secret.get_secret_value())
        if parts.scheme in _CLUSTER_SCHEMES and (parts.path.strip("/") or parts.query or not parts.netloc):
            raise ValueError("of a cluster takes hosts only: redis+cluster://host:port,host:port")
        return secret

    return AfterValidator(check)


def _mailbox(text: str) -> str:
    if not re.fullmatch(r"[^<>,\r\n]*<[^\s<>@,]+@[^\s<>@,]+>|[^\s<>@,]+@[^\s<>@,]+", text):
        raise ValueError("must be an address like no-reply@example.com or Name <no-reply@example.com>")
    return text


def _socket_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("ws", "wss") or not urlsplit(text).hostname or urlsplit(text).query):
        raise ValueError("must be a ws or wss URL without a query")
    return text.rstrip("/")


def _socket_pattern(text: str) -> str:
    return f"{_socket_url(text.removesuffix('/*'))}/*" if text.endswith("/*") else _socket_url(text)


def _storage_url(text: str) -> str:
    """Check a storage URL. Empty means that there is no storage. The query is validated when the storage is opened."""
    if not text:
        return text
    parts = urlsplit(text)
    if not (parts.scheme == "file" and parts.path.startswith("/")) and not (parts.scheme == "s3" and parts.netloc):
        raise ValueError("must be file:///folder or s3://bucket/prefix?endpoint=…&region=…")
    return text


def _passwords(value: Any) -> Any:
    """Parse passwords such as vocalized_api=password,vocalized_worker=password."""
    if not isinstance(value, str):
        return value
    pairs = _tokens(value)
    if any(role not in _LOGINS for role, _ in pairs):
        raise ValueError(f"the roles are {', '.join(_LOGINS)}")
    if any(not re.fullmatch(r"[A-Za-z0-9_.~-]{16,}", password) for _, password in pairs):
        raise ValueError("a password has 16 letters, digits, _, -, . or ~ at least, because it is part of a URL")
    return pairs


def _tokens(value: Any) -> Any:
    """Parse pairs such as AC1=token,AC2=token, or id=secret. An account may be listed twice while its tokens rotate."""
    if not isinstance(value, str):
        return value
    if any("=" not in part for part in _list(value)):
        raise ValueError("pairs are written name=secret, separated by commas")
    return [tuple(part.split("=", 1)) for part in _list(value)]


WebUrl = Annotated[str, AfterValidator(_web_url)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_list)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_list)]
DatabaseUrl = Annotated[SecretStr, _server_url(("postgresql", "postgres"))]
RedisUrl = Annotated[SecretStr, _server_url(_REDIS_SCHEMES), _redis_cluster_url()]
OptionalDatabaseUrl = Annotated[SecretStr, _server_url(("postgresql", "postgres"), optional=True)]
OptionalRedisUrl = Annotated[SecretStr, _server_url(_REDIS_SCHEMES, optional=True), _redis_cluster_url()]
SocketUrl = Annotated[str, AfterValidator(_socket_url)]
SocketPatterns = Annotated[
    tuple[Annotated[str, AfterValidator(_socket_pattern)], ...], NoDecode, BeforeValidator(_list)
]
StorageUrl = Annotated[str, AfterValidator(_storage_url)]
Tokens = Annotated[tuple[tuple[str, SecretStr], ...], NoDecode, BeforeValidator(_tokens)]
Secrets = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Figures = Annotated[dict[str, tuple[Positive, Positive]], NoDecode, BeforeValidator(_figures)]

DatabasePasswords = Annotated[
    tuple[tuple[str, SecretStr], ...],
    NoDecode,
    BeforeValidator(_passwords),
    Field(
        description="Passwords that `migrate` gives the roles vocalized_api, vocalized_worker and vocalized_backup: "
        "role=password, separated by commas; 16 characters at least."
    ),
]
TwilioSharedKeys = Annotated[
    Tokens,
    Field(
        description="Twilio's SharedKeys as id=secret pairs, separated by commas, for the signatures of Webhook Rules."
    ),
]
TwilioApiKey = Annotated[
    Tokens,
    Field(max_length=1, description="Twilio's API key as SK…=secret, which signs in instead of the account's token."),
]
TwilioUs1Token = Annotated[
    SecretStr,
    Field(description="The account's token of us1, for Twilio's APIs without regions; needed with another region."),
]
InvoiceIssuer = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines), Field(max_length=12)]
EgressAllow = Annotated[
    Networks,
    Field(
        description="Networks besides the public internet, like 10.0.0.0/8, that customers' addresses may lead "
        "to, separated by commas; there without TLS and at any port, too."
    ),
]
_KEYS = "base64url of 32 bytes each, separated by commas; the first one seals or signs, all of them open"
TokenKeys = Annotated[SecretStr, Field(description=f"Keys that sign access tokens, only for the API: {_KEYS}.")]
VaultKeys = Annotated[SecretStr, Field(description=f"Keys that seal secrets in the database: {_KEYS}.")]
BusKeys = Annotated[
    SecretStr,
    Field(description=f"Keys that seal and sign messages to media nodes, which have none of them: {_KEYS}."),
]
SecretKeys = Annotated[
    SecretStr,
    Field(
        description="For this release only: the single set of keys of the previous version, for what the three "
        "sets do not open."
    ),
]
BusUnsigned = Annotated[
    Literal["", "accept", "refuse"],
    Field(
        description="Whether unsigned messages of the previous version are accepted on the bus (accept or "
        "refuse); empty: accepted until the bus keys (on a node: its credential) are set."
    ),
]
BUS_UNSIGNED: Literal[""] = ""


def is_this_machine(url: str) -> bool:
    """Return whether only this machine can reach the address. A platform at such an address is in local mode."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
