"""Key pairs of media nodes, and the passes with which control accepts them.

A pass is made by `python -m control keys media-pass URL` and is the only secret that a node is installed with. It
allows nodes at that URL (or below it, if it ends with `/*`) to show their keys, and holds control's public key. A node
makes its key pair at its start and a card with the public half, which the pass proves. From the two keys both ends
derive a key that nobody else has (X25519, HKDF-SHA-256): by it control seals tickets, commands and replies for this
node, and the node proves its entry in the registry and its answers.
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

# A node renews its card long before.
CARD_S: Final = 24 * 3600
RENEW_S: Final = 6 * 3600
# Cards whose check is remembered, because it multiplies on a curve. More than the nodes of a large platform.
MAX_PEERS: Final = 20_000
_KEY: Final = Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)
_LONGEST_CARD: Final = 1_000


class MediaPass(Struct, frozen=True):
    """url: of the nodes that may use it; all below it, if it ends with `/*`. issued_s: Unix time. secret: proves cards.
    control: control's public key (X25519). fingerprints: the key of the fingerprints of providers' accounts, the same
    for all nodes."""

    url: Annotated[str, Meta(min_length=1, max_length=300)]
    issued_s: Annotated[int, Meta(ge=0)]
    secret: Annotated[bytes, _KEY]
    control: Annotated[bytes, _KEY]
    fingerprints: Annotated[bytes, _KEY]

    def __repr__(self) -> str:
        return f"MediaPass({self.url}, {self.issued_s})"

    @property
    def text(self) -> str:
        """As the setting holds it."""
        return urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


class NodeCard(Struct, frozen=True):
    """public: the node's key. url, issued_s: of its pass."""

    public: Annotated[bytes, _KEY]
    url: str
    issued_s: int
    expires_s: int


class NodeKey:
    """The key pair of a node, or of several that share an address. private: 32 bytes; None makes a new one."""

    def __init__(self, private: bytes | None = None) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private) if private else X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    @property
    def private(self) -> bytes:
        """For the other processes of this machine."""
        return self._private.private_bytes_raw()

    def link(self, public: bytes) -> Sealer:
        """What both ends seal and open by, and nobody else."""
        return _link(self._private, public)


class NodeIdentity:
    """The node's end: who it is, and how it proves it."""

    def __init__(self, key: NodeKey, own_pass: MediaPass, clock: Callable[[], float] = time.time) -> None:
        self._key, self._pass, self._clock = key, own_pass, clock
        self.link = key.link(own_pass.control)
        self.id = key_id(own_pass.url, own_pass.issued_s, key.public)
        self._card, self._renew_s = "", 0.0

    @property
    def card(self) -> str:
        """The current card, as text without spaces."""
        now = self._clock()
        if now >= self._renew_s:
            expires_s = round(now) + CARD_S
            card = NodeCard(self._key.public, self._pass.url, self._pass.issued_s, expires_s)
            self._card, self._renew_s = _write_card(card, self._pass.secret), now + RENEW_S
        return self._card


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that control believes. key: its id. link: for what is between the two. url: of its pass."""

    key: str
    url: str
    expires_s: int
    link: Sealer = field(repr=False)

    def is_at(self, url: str) -> bool:
        """Whether its pass is for this address."""
        return matches_url(self.url, url)


class Enrollment:
    """Control's end. keys: the bus keys; passes are made by the first one and hold as long as theirs is listed."""

    def __init__(self, keys: Sequence[bytes], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        sealer = Sealer(keys)
        privates = map(X25519PrivateKey.from_private_bytes, sealer.derive("control's key for nodes"))
        self._fingerprints = sealer.derive("provider health")[0]
        self._pairs = tuple(zip(sealer.derive("passes of media nodes"), privates, strict=True))
        self._peers: OrderedDict[str, Peer] = OrderedDict()
        # By the hash of a pass's URL: passes that were made before this Unix time are worth nothing.
        self._revoked: Mapping[str, int] = {}

    def make_pass(self, url: str, issued_s: int | None = None) -> MediaPass:
        """A pass for the nodes at `url`. issued_s: Unix time; None means now."""
        master, private = self._pairs[0]
        issued_s = int(self._clock()) if issued_s is None else issued_s  # a later second would outlive a revocation
        public, secret = private.public_key().public_bytes_raw(), _pass_secret(master, url, issued_s)
        return MediaPass(url, issued_s, secret, public, self._fingerprints)

    def revoke(self, revoked: Mapping[str, int]) -> None:
        """Replaces what is revoked: by URL of passes, the Unix time before which they were made."""
        self._revoked = {hash_url(url): before_s for url, before_s in revoked.items()}

    def require_valid(self, key: str) -> None:
        """Raises ForgedEntry for the key of a node whose pass was revoked."""
        issued, _, rest = key.partition("-")
        before_s = self._revoked.get(rest.partition("-")[0])
        if before_s is not None and int(issued, 16) < before_s:
            raise ForgedEntry("revoked")

    def find_peer(self, card: str) -> Peer:
        """The node that shows this card. Raises ForgedEntry."""
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
            if hmac.compare_digest(_card_mac(body, _pass_secret(master, card.url, card.issued_s)), mac.encode()):
                key = key_id(card.url, card.issued_s, card.public)
                return Peer(key, card.url, card.expires_s, _link_of(private, card.public))
        raise ForgedEntry("unknown key")


def parse_pass(text: str) -> MediaPass:
    """Raises ValueError, whose message contains no secret."""
    try:
        return msgspec.msgpack.decode(_decode(text.strip()), type=MediaPass)
    except (ValueError, msgspec.DecodeError):
        raise ValueError("not a pass: `python -m control keys media-pass URL` makes one") from None


def key_id(url: str, issued_s: int, public: bytes) -> str:
    """How a node's key is named: by when its pass was made, for which URL, and a hash of the key."""
    return f"{issued_s:x}-{hash_url(url)}-{sha256(public).hexdigest()[:16]}"


def hash_url(url: str) -> str:
    """The URL in the name of a key."""
    return sha256(url.encode()).hexdigest()[:12]


def matches_url(pattern: str, url: str) -> bool:
    """Whether `pattern` is this URL, or ends with `/*` and the URL is below it."""
    return url.startswith(pattern[:-1]) and len(url) >= len(pattern) if pattern.endswith("/*") else url == pattern


def _write_card(card: NodeCard, secret: bytes) -> str:
    body = urlsafe_b64encode(msgspec.msgpack.encode(card)).decode().rstrip("=")
    return f"{body}.{_card_mac(body, secret).decode()}"


def _card_mac(body: str, secret: bytes) -> bytes:
    return hmac.digest(secret, b"card " + body.encode(), "sha256").hex().encode()


def _pass_secret(master: bytes, url: str, issued_s: int) -> bytes:
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
