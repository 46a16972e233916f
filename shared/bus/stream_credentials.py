"""Stream credentials: proof that a node may report on one stream of a call; control issues one with each ticket.

Control derives the credential's secret from its bus keys, the call's id, the number of the stream, and the node's key.
Control therefore needs no table to check a node's report on a call: a valid proof shows that control gave this stream
to this node. The head of a proof is `1.<mark of the bus key>.<node's key>.<leg>`. The proof of a text is the head and a
MAC. A sealed text is the head, a space, a nonce and the ciphertext. A second secret, which control derives from the
call's id alone, proves to the call's nodes what control grants the call.
"""

import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.secrets import Sealer

_SECRET_BYTES: Final = 32
_MAC_BYTES: Final = 16
_NONCE_BYTES: Final = 12
# Also limits the length of a head: a node's key has at most 40 characters (shared/bus/enrollment.py).
_HEAD: Final = re.compile(rb"1\.([0-9a-f]{8})\.([0-9a-z-]{1,48})\.(\d{1,2})")
_LONGEST_HEAD: Final = 80
_SEALED: Final = b"1."
# Programs of all versions derive the same keys: the words must never change.
_DERIVATION: Final = "stream vouchers"


class ForgedEntry(ValueError):
    """An entry on the bus was not written by a program that may write it.

    The message is a reason without data: "unsigned", "unknown key", "changed", "revoked".
    """


@dataclass(frozen=True, slots=True)
class Speaker:
    """The author of an entry: the key of the node, and the stream (`leg`) that control gave it."""

    node_key: str
    leg: int


class StreamCredential:
    """The node's end: signs and seals what the node reports."""

    def __init__(self, head: bytes, secret: bytes, grant: bytes) -> None:
        self._head, self._secret, self._grant = head, secret, grant

    @classmethod
    def parse(cls, text: str) -> "StreamCredential":
        """Parse a stream credential as `text` writes it. Raises ValueError."""
        head, _, rest = text.partition("/")
        secret, _, grant = rest.partition("/")
        if not _HEAD.fullmatch(head.encode()) or len(secret) != len(grant) or len(secret) != 2 * _SECRET_BYTES:
            raise ValueError("not a stream credential")
        return cls(head.encode(), bytes.fromhex(secret), bytes.fromhex(grant))

    @property
    def text(self) -> str:
        """The credential as plans contain it. It is secret."""
        return f"{self._head.decode()}/{self._secret.hex()}/{self._grant.hex()}"

    def sign(self, body: bytes, purpose: str) -> bytes:
        """Return the proof of a text, in characters without a space."""
        return self._head + b"." + _mac(self._secret, body, purpose)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt a text for control and prove its author."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._head + b" " + nonce + _cipher(self._secret, purpose).encrypt(nonce, plain, self._head)

    def is_granted(self, body: bytes, proof: str) -> bool:
        """Return whether control grants this to the call. `proof` is made by `StreamCredentialKeys.sign_grant`."""
        expected = _mac(self._grant, body, "grant").decode()
        return any(hmac.compare_digest(expected, candidate) for candidate in proof.split(",") if candidate.isascii())


class StreamCredentialKeys:
    """Control's end. The first of the bus `keys` issues credentials; all of them check."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        masters = Sealer(keys).derive(_DERIVATION)
        self._masters = {_mark(master): master for master in masters}
        self._newest = _mark(masters[0])

    def issue(self, call_id: str, leg: int, node_key: str) -> StreamCredential:
        """Issue the stream credential for one stream of a call on a node."""
        head = f"1.{self._newest}.{node_key}.{leg}".encode()
        master = self._masters[self._newest]
        return StreamCredential(head, _stream_secret(master, call_id, head), _grant_secret(master, call_id))

    def check(self, call_id: str, body: bytes, purpose: str, proof: bytes) -> Speaker:
        """Return the author of a text on the call. Raises ForgedEntry."""
        head, _, mac = proof.rpartition(b".")
        speaker, secret = self._read_head(call_id, head)
        if not hmac.compare_digest(mac, _mac(secret, body, purpose)):
            raise ForgedEntry("changed")
        return speaker

    def open(self, call_id: str, sealed: bytes, purpose: str) -> tuple[Speaker, bytes]:
        """Return the author and the plain text of a sealed report on the call. Raises ForgedEntry."""
        head, _, rest = sealed.partition(b" ")
        speaker, secret = self._read_head(call_id, head)
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return speaker, _cipher(secret, purpose).decrypt(nonce, body, head)
        except (InvalidTag, ValueError):
            raise ForgedEntry("changed") from None

    def sign_grant(self, call_id: str, body: bytes) -> str:
        """Return proofs for the call's nodes, one for each bus key, because a call may have begun before the first key
        was added."""
        masters = self._masters.values()
        return ",".join(_mac(_grant_secret(master, call_id), body, "grant").decode() for master in masters)

    def _read_head(self, call_id: str, head: bytes) -> tuple[Speaker, bytes]:
        found = _HEAD.fullmatch(head) if len(head) <= _LONGEST_HEAD else None
        if found is None:
            raise ForgedEntry("unsigned")
        master = self._masters.get(found[1].decode())
        if master is None:
            raise ForgedEntry("unknown key")
        return Speaker(found[2].decode(), int(found[3])), _stream_secret(master, call_id, head)


def is_sealed(text: bytes) -> bool:
    """Return whether a text looks sealed or signed by a stream credential. Texts of the previous version begin
    differently."""
    return text.startswith(_SEALED)


def _mark(master: bytes) -> str:
    return hmac.digest(master, b"mark", "sha256")[:4].hex()


def _stream_secret(master: bytes, call_id: str, head: bytes) -> bytes:
    return hmac.digest(master, b"stream " + head + b" " + call_id.encode(), "sha256")


def _grant_secret(master: bytes, call_id: str) -> bytes:
    return hmac.digest(master, b"grant " + call_id.encode(), "sha256")


def _mac(secret: bytes, body: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\0" + body, "sha256")[:_MAC_BYTES].hex().encode()


def _cipher(secret: bytes, purpose: str) -> AESGCM:
    return AESGCM(hmac.digest(secret, b"seal " + purpose.encode(), "sha256"))
