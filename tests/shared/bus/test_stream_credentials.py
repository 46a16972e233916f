"""What a node proves: only control's stream credentials, for the call, stream and node they were made for."""

import pytest

from shared.bus.authority import EVENT_PURPOSE, BusAuthority
from shared.bus.enrollment import Enrollment, NodeIdentity, NodeKey, matches_url, parse_node_credential
from shared.bus.events import prove_line, split_line
from shared.bus.stream_credentials import ForgedEntry, StreamCredential, StreamCredentialKeys
from shared.secrets import UnsealError

OLD, NEW, FOREIGN = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
KEYS = StreamCredentialKeys([NEW])
CREDENTIAL = KEYS.issue("call-1", 2, "0-abc-def")
BODY = b'{"call_id":"call-1"}'
URL = "wss://media-1.example.com"
NOW = 1_800_000_000.0


def test_accepts_a_statement_of_the_stream() -> None:
    proof = StreamCredential.parse(CREDENTIAL.text).sign(BODY, "event")
    speaker = KEYS.check("call-1", BODY, "event", proof)
    assert (speaker.node_key, speaker.leg) == ("0-abc-def", 2)
    assert KEYS.open("call-1", CREDENTIAL.seal(BODY, "outcome"), "outcome") == (speaker, BODY)


@pytest.mark.parametrize("fault", ["call", "body", "purpose", "leg", "node", "key", "cut", "none"])
def test_no_other_statement_is(fault: str) -> None:
    proof = CREDENTIAL.sign(BODY, "event")
    changed = {
        "leg": proof.replace(b".2.", b".3."),
        "node": proof.replace(b"abc", b"abd"),
        "cut": proof[:-1],
        "none": b"",
    }
    by_others = StreamCredentialKeys([FOREIGN]).issue("call-1", 2, "0-abc-def").sign(BODY, "event")
    with pytest.raises(ForgedEntry):
        KEYS.check(
            "call-2" if fault == "call" else "call-1",
            b"{}" if fault == "body" else BODY,
            "outcome" if fault == "purpose" else "event",
            by_others if fault == "key" else changed.get(fault, proof),
        )
    sealed = CREDENTIAL.seal(BODY, "outcome")
    with pytest.raises(ForgedEntry):
        KEYS.open("call-1", sealed[:-1] + bytes([sealed[-1] ^ 1]), "outcome")


def test_credentials_are_those_of_every_version() -> None:
    """Programs of two versions run at once in an upgrade: for one key both must derive the same secrets."""
    assert CREDENTIAL.text == (
        "1.10451e71.0-abc-def.2/64811f0d744eb035b04748360fb31e75df158f2fc6c8638dbbefda1892355de2"
        "/ea741f0b0fc2d4f08abeba7498cfcb7f22c53f9024da22681340389d1807a79c"
    )


def test_calls_that_began_before_a_rotation_go_on() -> None:
    before, rotated = StreamCredentialKeys([OLD]).issue("c", 0, "n"), StreamCredentialKeys([NEW, OLD])
    assert rotated.check("c", BODY, "event", before.sign(BODY, "event")).leg == 0
    assert before.is_granted(b"60 0", rotated.sign_grant("c", b"60 0"))
    assert not before.is_granted(b"61 0", rotated.sign_grant("c", b"60 0"))
    assert not before.is_granted(b"60 0", StreamCredentialKeys([NEW]).sign_grant("c", b"60 0"))
    with pytest.raises(ForgedEntry, match="unknown key"):
        StreamCredentialKeys([NEW]).check("c", BODY, "event", before.sign(BODY, "event"))


def test_an_event_waits_with_its_proof() -> None:
    proof, line = split_line(prove_line(BODY, CREDENTIAL))
    assert line == BODY and KEYS.check("call-1", line, EVENT_PURPOSE, proof)
    assert split_line(prove_line(BODY, None)) == (b"", BODY)


def test_an_event_of_another_stream_of_the_call_is_forged() -> None:
    authority = BusAuthority([NEW])
    proof = authority.stream_credentials.issue("c", 0, "0-a-b").sign(BODY, EVENT_PURPOSE)
    authority.check_event("c", 0, BODY, proof)
    with pytest.raises(ForgedEntry, match="other stream"):
        authority.check_event("c", 1, BODY, proof)
    with pytest.raises(ForgedEntry, match="unsigned"):
        authority.check_event("c", 0, BODY, b"")


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4/5/6", CREDENTIAL.text[:-2], CREDENTIAL.text.replace("1.", "2.", 1)])
def test_rejects_text_that_is_not_a_stream_credential(text: str) -> None:
    with pytest.raises(ValueError, match=r"stream credential|hex"):
        StreamCredential.parse(text)


# --- nodes ------------------------------------------------------------------------------------------------------------


def enrollment(*keys: bytes, at: float = NOW) -> Enrollment:
    return Enrollment(keys or [NEW], lambda: at)


def identity(by: Enrollment, url: str = URL, at: float = NOW) -> NodeIdentity:
    return NodeIdentity(NodeKey(), parse_node_credential(by.make_credential(url).text), lambda: at)


def test_both_ends_of_a_link_have_a_key_that_nobody_else_has() -> None:
    control, one, other = enrollment(), identity(enrollment()), identity(enrollment())
    peer = control.find_peer(one.card)
    assert (peer.key, peer.is_at(URL)) == (one.id, True)
    assert one.link.open(peer.link.seal(b"plan", "ticket"), "ticket") == b"plan"
    with pytest.raises(UnsealError):
        other.link.open(peer.link.seal(b"plan", "ticket"), "ticket")


def test_a_card_is_trusted_only_by_the_control_that_made_its_credential() -> None:
    card = identity(enrollment()).card
    for foreign in (enrollment(FOREIGN), enrollment(OLD)):
        with pytest.raises(ForgedEntry, match="unknown key"):
            foreign.find_peer(card)
    body, _, mac = card.rpartition(".")
    for changed in ("", "x", body, f"{body[:-2]}AA.{mac}", f"{body}.{'0' * 64}", "." * 2_000):
        with pytest.raises(ForgedEntry):
            enrollment().find_peer(changed)
    assert enrollment(OLD, NEW).find_peer(card).url == URL, "the credential's key is still listed"


def test_a_card_expires_and_is_renewed_before() -> None:
    now = [NOW]
    node = NodeIdentity(NodeKey(), enrollment().make_credential(URL), lambda: now[0])
    first = node.card
    with pytest.raises(ForgedEntry, match="expired"):
        enrollment(at=NOW + 25 * 3600).find_peer(first)
    now[0] += 7 * 3600
    assert node.card != first and enrollment(at=NOW + 25 * 3600).find_peer(node.card)


def test_a_revoked_pass_is_worth_nothing_and_a_later_one_is_believed() -> None:
    control = enrollment()
    stolen = identity(control)
    assert control.find_peer(stolen.card)
    control.revoke({URL: round(NOW) + 1, "wss://media-2.example.com": round(NOW) + 1})
    with pytest.raises(ForgedEntry, match="revoked"):
        control.find_peer(stolen.card)
    with pytest.raises(ForgedEntry, match="revoked"):
        control.require_valid(stolen.id)
    later = NodeIdentity(NodeKey(), control.make_credential(URL, round(NOW) + 1), lambda: NOW)
    assert control.find_peer(later.card)
    assert control.find_peer(identity(control, "wss://media-3.example.com").card)


def test_a_credential_is_for_its_address() -> None:
    below = "wss://media.example.com/*"
    assert matches_url(URL, URL) and matches_url(below, "wss://media.example.com/media-7")
    for url in ("wss://media.example.com", "wss://media.example.com/", "wss://media.example.com.evil.example/x"):
        assert not matches_url(below, url)
    assert not matches_url(URL, f"{URL}/x")


def test_neither_pass_nor_key_shows_its_secret() -> None:
    node_credential = enrollment().make_credential(URL)
    assert node_credential.secret.hex() not in repr(node_credential) and str(node_credential.secret) not in repr(
        node_credential
    )
    with pytest.raises(ValueError, match="media-pass URL"):
        parse_node_credential("not a credential")
