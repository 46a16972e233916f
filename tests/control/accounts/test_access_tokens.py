"""Access tokens: whose, until when, under which key."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.accounts.access_tokens import AccessTokens
from shared.errors import Unauthorised

OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
tokens = AccessTokens([OLD], 600)


def refusal(reader: AccessTokens, token: str, audience: str = "user", now: datetime = NOW) -> str:
    with pytest.raises(Unauthorised) as fault:
        reader.read(token, audience, now)
    return fault.value.code


@given(st.uuids(), st.integers(0, 599))
def test_a_token_names_its_session_until_it_expires(session: UUID, after_s: int) -> None:
    token = tokens.issue("user", session, NOW)
    assert tokens.read(token, "user", NOW + timedelta(seconds=after_s)) == session
    assert refusal(tokens, token, now=NOW + timedelta(seconds=600)) == "token_expired"
    assert refusal(tokens, token, "admin") == "token_invalid"


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    token = tokens.issue("user", UUID(int=7), NOW)
    # The last sign of each part may hold bits that decode to nothing; any other matters.
    ends = {index for index, sign in enumerate(token + ".") if sign == "."}
    places = [index for index in range(len(token)) if index + 1 not in ends]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([sign for sign in "abcXYZ019-_." if sign != token[place]]))
    assert refusal(tokens, token[:place] + other + token[place + 1 :]) == "token_invalid"


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refusal(tokens, text) == "token_invalid"


def test_keys_rotate() -> None:
    session, rotated = uuid4(), AccessTokens([NEW, OLD], 600)
    assert rotated.read(tokens.issue("user", session, NOW), "user", NOW) == session
    assert refusal(tokens, rotated.issue("user", session, NOW)) == "token_invalid"
    assert refusal(AccessTokens([NEW], 600), tokens.issue("user", session, NOW)) == "token_invalid"


@pytest.mark.parametrize("change", [{"sid": "x"}, {"sid": 7}, {"exp": "soon"}, {"exp": None}, {"aud": ["user", 3]}])
def test_claims_of_another_kind_are_refused(change: dict[str, object]) -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    kid = jwt.get_unverified_header(tokens.issue("user", uuid4(), NOW))["kid"]
    forged = jwt.encode({**claims, **change}, OLD, algorithm="HS256", headers={"kid": kid})
    assert refusal(tokens, forged) == "token_invalid"


def test_an_unsigned_token_and_one_without_a_key_are_refused() -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    kid = jwt.get_unverified_header(tokens.issue("user", uuid4(), NOW))["kid"]
    assert refusal(tokens, jwt.encode(claims, "", algorithm="none", headers={"kid": kid})) == "token_invalid"
    assert refusal(tokens, jwt.encode(claims, OLD, algorithm="HS256")) == "token_invalid"
    assert refusal(tokens, jwt.encode(claims, OLD, algorithm="HS256", headers={"kid": "0"})) == "token_invalid"


def test_a_token_tells_nothing_personal() -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    assert set(claims) == {"aud", "sid", "iat", "exp"}
