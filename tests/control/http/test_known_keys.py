"""What a process remembers of keys: bounded, the newest."""

from control.http.known_keys import KnownKeys


def test_keys_used_last_are_kept() -> None:
    known = KnownKeys(most=2)
    for secret in (b"a", b"b", b"a", b"c"):
        known.add(secret)
    assert [secret in known for secret in (b"a", b"b", b"c")] == [True, False, True]


def test_refused_key_is_forgotten() -> None:
    known = KnownKeys()
    known.add(b"a")
    known.discard(b"a")
    known.discard(b"never known")
    assert b"a" not in known
