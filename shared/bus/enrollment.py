"""Key pairs of media nodes, and the node credentials with which control accepts them.

`python -m control keys media-pass URL` makes a node credential, the only secret that is installed with a node. It
allows nodes at that URL (or below it, if it ends with `/*`) to present their keys, and contains control's public key. A
node makes its key pair when it starts, and a card with the public half, which the credential proves. Both ends derive a
shared key from the two key pairs (X25519, HKDF-SHA-256). Control uses it to seal tickets, commands and replies for this
node. The node uses it to prove its entry in the registry and its answers.
"""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta, Struct

from shared.bus.stream_credentials import ForgedEntry
from shared.secrets import KEY_BYTES, Sealer

# A node renews its card long before the card expires.
CARD_S: Final = 24 * 3600
RENEW_S: Final = 6 * 3600
# The number of cards whose check is cached, because a check multiplies on a curve. Larger than the nodes of a large
# platform.
MAX_PEERS: Final = 20_000
_KEY: Final = Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)
_LONGEST_CARD: Final = 1_000


class NodeCredential(Struct, frozen=True):
    """A credential of media nodes.

    Attributes:
        url: The URL of the nodes that may use the credential. If it ends with `/*`, all URLs below it.
        issued_s: When the credential was made, Unix time.
        secret: Proves cards.
        control: Control's public key (X25519).
        fingerprints: The key for fingerprints of providers' accounts; the same for all nodes.
    """

    url: Annotated[str, Meta(min_length=1, max_length=300)]
    issued_s: Annotated[int, Meta(ge=0)]
    secret: Annotated[bytes, _KEY]
    control: Annotated[bytes, _KEY]
    fingerprints: Annotated[bytes, _KEY]

    def __repr__(self) -> str:
        return f"NodeCredential({self.url}, {self.issued_s})"

    @property
    def text(self) -> str:
        """Return the credential as the setting holds it."""
        return urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


class NodeCard(Struct, frozen=True):
    """A node's public key, with the `url` and `issued_s` of the node's credential."""

    public: Annotated[bytes, _KEY]
    url: str
    issued_s: int
    expires_s: int


class NodeKey:
    """The key pair of a node, or of several nodes that share an address.

    Args:
        private: The private key, 32 bytes. None makes a new key pair.
    """

    def __init__(self, private: bytes | None = None) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private) if private else X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    @property
    def private(self) -> bytes:
        """The private key, for the other processes of this machine."""
        return self._private.private_bytes_raw()

    def link(self, public: bytes) -> Sealer:
        """Return the sealer that only this node and the owner of `public` share."""
        return _link(self._private, public)


class NodeIdentity:
    """The node's end: identifies the node and proves its identity."""

    def __init__(self, key: NodeKey, node_credential: NodeCredential, clock: Callable[[], float] = time.time) -> None:
        self._key, self._credential, self._clock = key, node_credential, clock
        self.link = key.link(node_credential.control)
        self.id = key_id(node_credential.url, node_credential.issued_s, key.public)
        self._card, self._renew_s = "", 0.0

    @property
    def card(self) -> str:
        """The current card, as text without spaces."""
        now = self._clock()
        if now >= self._renew_s:
            expires_s = round(now) + CARD_S
            card = NodeCard(self._key.public, self._credential.url, self._credential.issued_s, expires_s)
            self._card, self._renew_s = _write_card(card, self._credential.secret), now + RENEW_S
        return self._card


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that control has verified.

    Attributes:
        key: The id of the node's key.
        url: The URL of the node's credential.
        link: Seals messages between control and the node.
    """

    key: str
    url: str
    expires_s: int
    link: Sealer = field(repr=False)

    def is_at(self, url: str) -> bool:
        """Return whether the node's credential is valid for this address."""
        return matches_url(self.url, url)


class Enrollment:
    """Control's end: makes node credentials and verifies nodes.

    Args:
        keys: The bus keys. The first one makes credentials, which stay valid while that key is listed.
    """

    def __init__(self, keys: Sequence[bytes], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        sealer = Sealer(keys)
        privates = map(X25519PrivateKey.from_private_bytes, sealer.derive("control's key for nodes"))
        self._fingerprints = sealer.derive("provider health")[0]
        self._pairs = tuple(zip(sealer.derive("passes of media nodes"), privates, strict=True))
        self._peers: OrderedDict[str, Peer] = OrderedDict()
        # For the hash of a credential's URL: the Unix time before which credentials for that URL are revoked.
        self._revoked: Mapping[str, int] = {}

    def make_credential(self, url: str, issued_s: int | None = None) -> NodeCredential:
        """Make a credential for the nodes at `url`. `issued_s` is Unix time; None means now."""
        master, private = self._pairs[0]
        issued_s = int(self._clock()) if issued_s is None else issued_s  # a later second would outlive a revocation
        public, secret = private.public_key().public_bytes_raw(), _credential_secret(master, url, issued_s)
        return NodeCredential(url, issued_s, secret, public, self._fingerprints)

    def revoke(self, revoked: Mapping[str, int]) -> None:
        """Replace the revocations: for each URL, the Unix time before which credentials are revoked."""
        self._revoked = {hash_url(url): before_s for url, before_s in revoked.items()}

    def require_valid(self, key: str) -> None:
        """Raise ForgedEntry if the credential behind this node key was revoked."""
        issued, _, rest = key.partition("-")
        before_s = self._revoked.get(rest.partition("-")[0])
        if before_s is not None and int(issued, 16) < before_s:
            raise ForgedEntry("revoked")

    def find_peer(self, card: str) -> Peer:
        """Return the node that presents this card. Raises ForgedEntry."""
        peer = self._peers.get(card)
        if peer is None:
            peer = self._peers[card] = self._read_card(card)
            if len(self._peers) > MAX_PEERS:
                self._peers.popitem(last=False)
        if peer.expires_s < self._clock():
            raise ForgedEntry("expired")
        self.require_valid(peer.key)
        return peer

    def _read_card(self, text: str) -> Peer:
        if not text or len(text) > _LONGEST_CARD:
            raise ForgedEntry("unsigned")
        try:
            body, _, mac = text.rpartition(".")
            card = msgspec.msgpack.decode(_decode(body), type=NodeCard)
        except (ValueError, msgspec.DecodeError, RecursionError):
            raise ForgedEntry("unsigned") from None
        for master, private in self._pairs:
            if hmac.compare_digest(_card_mac(body, _credential_secret(master, card.url, card.issued_s)), mac.encode()):
                key = key_id(card.url, card.issued_s, card.public)
                return Peer(key, card.url, card.expires_s, _link_of(private, card.public))
        raise ForgedEntry("unknown key")


def parse_node_credential(text: str) -> NodeCredential:
    """Parse a node credential. Raises ValueError, whose message contains no secret."""
    try:
        return msgspec.msgpack.decode(_decode(text.strip()), type=NodeCredential)
    except (ValueError, msgspec.DecodeError):
        raise ValueError("not a node credential: `python -m control keys media-pass URL` makes one") from None


def key_id(url: str, issued_s: int, public: bytes) -> str:
    """Return the id of a node's key: when its credential was made, the credential's URL, and a hash of the key."""
    return f"{issued_s:x}-{hash_url(url)}-{sha256(public).hexdigest()[:16]}"


def hash_url(url: str) -> str:
    """Return the form of a URL that key ids contain."""
    return sha256(url.encode()).hexdigest()[:12]


def matches_url(pattern: str, url: str) -> bool:
    """Return whether `pattern` is this URL, or ends with `/*` and the URL is below it."""
    return url.startswith(pattern[:-1]) and len(url) >= len(pattern) if pattern.endswith("/*") else url == pattern


def _write_card(card: NodeCard, secret: bytes) -> str:
    body = urlsafe_b64encode(msgspec.msgpack.encode(card)).decode().rstrip("=")
    return f"{body}.{_card_mac(body, secret).decode()}"


def _card_mac(body: str, secret: bytes) -> bytes:
    return hmac.digest(secret, b"card " + body.encode(), "sha256").hex().encode()


def _credential_secret(master: bytes, url: str, issued_s: int) -> bytes:
    return hmac.digest(master, f"{issued_s} {url}".encode(), "sha256")


def _link_of(private: X25519PrivateKey, public: bytes) -> Sealer:
    try:
        return _link(private, public)
    except ValueError:  # a point of small order
        raise ForgedEntry("unsigned") from None


def _link(private: X25519PrivateKey, public: bytes) -> Sealer:
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    own = private.public_key().public_bytes_raw()
    info = b"vocalized node link " + b"".join(sorted((own, public)))
    return Sealer([HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)])


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
