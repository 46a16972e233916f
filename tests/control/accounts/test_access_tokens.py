"""Access tokens: session, expiry and keys."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.http.auth.access_tokens import AccessTokens
from shared.errors import Unauthorized

OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
tokens = AccessTokens([OLD], 600)


def refusal_code(reader: AccessTokens, token: str, audience: str = "user", now: datetime = NOW) -> str:
    with pytest.raises(Unauthorized) as error:
        reader.read(token, audience, now)
    return error.value.code


@given(st.uuids(), st.integers(0, 599))
def test_a_token_names_its_session_until_it_expires(session: UUID, after_s: int) -> None:
    token = tokens.issue("user", session, NOW)
    assert tokens.read(token, "user", NOW + timedelta(seconds=after_s)) == session
    assert refusal_code(tokens, token, now=NOW + timedelta(seconds=600)) == "token_expired"
    assert refusal_code(tokens, token, "admin") == "token_invalid"


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    token = tokens.issue("user", UUID(int=7), NOW)
    # The last character of each part may hold unused bits; every other character matters.
    ends = {index for index, character in enumerate(token + ".") if character == "."}
    positions = [index for index in range(len(token)) if index + 1 not in ends]
    position = data.draw(st.sampled_from(positions))
    other = data.draw(st.sampled_from([character for character in "abcXYZ019-_." if character != token[position]]))
    assert refusal_code(tokens, token[:position] + other + token[position + 1 :]) == "token_invalid"


@given(st.text(max_size=200))
def test_arbitrary_text_is_refused(text: str) -> None:
    assert refusal_code(tokens, text) == "token_invalid"


def test_tokens_of_older_keys_are_accepted() -> None:
    session, rotated = uuid4(), AccessTokens([NEW, OLD], 600)
    assert rotated.read(tokens.issue("user", session, NOW), "user", NOW) == session
    assert refusal_code(tokens, rotated.issue("user", session, NOW)) == "token_invalid"
    assert refusal_code(AccessTokens([NEW], 600), tokens.issue("user", session, NOW)) == "token_invalid"


@pytest.mark.parametrize("change", [{"sid": "x"}, {"sid": 7}, {"exp": "soon"}, {"exp": None}, {"aud": ["user", 3]}])
def test_claims_of_wrong_types_are_refused(change: dict[str, object]) -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    kid = jwt.get_unverified_header(tokens.issue("user", uuid4(), NOW))["kid"]
    forged = jwt.encode({**claims, **change}, OLD, algorithm="HS256", headers={"kid": kid})
    assert refusal_code(tokens, forged) == "token_invalid"


def test_unsigned_tokens_and_unknown_keys_are_refused() -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    kid = jwt.get_unverified_header(tokens.issue("user", uuid4(), NOW))["kid"]
    assert refusal_code(tokens, jwt.encode(claims, "", algorithm="none", headers={"kid": kid})) == "token_invalid"
    assert refusal_code(tokens, jwt.encode(claims, OLD, algorithm="HS256")) == "token_invalid"
    assert refusal_code(tokens, jwt.encode(claims, OLD, algorithm="HS256", headers={"kid": "0"})) == "token_invalid"


def test_token_holds_no_personal_data() -> None:
    claims = jwt.decode(tokens.issue("user", uuid4(), NOW), options={"verify_signature": False})
    assert set(claims) == {"aud", "sid", "iat", "exp"}
