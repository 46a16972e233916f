"""What a process remembers of keys: bounded, the newest."""

from uuid import UUID

from control.http.auth.authorization import KnownKeys

KEY = UUID(int=1)


def test_keys_used_last_are_kept() -> None:
    known = KnownKeys(most=2)
    for secret in (b"a", b"b", b"a", b"c"):
        known.add(secret, KEY)
    assert [known.find(secret) for secret in (b"a", b"b", b"c")] == [KEY, None, KEY]


def test_refused_key_is_forgotten() -> None:
    known = KnownKeys()
    known.add(b"a", KEY)
    known.discard(b"a")
    known.discard(b"never known")
    assert known.find(b"a") is None
