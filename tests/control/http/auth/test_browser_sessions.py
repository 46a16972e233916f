"""Sessions in cookies, as a browser sends them, and what other sites may try with them."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie

import pytest

from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import Reply

ASKS = {"Vocalized-Session": "cookie"}


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


def read_cookies(reply: Reply) -> dict[str, Morsel[str]]:
    cookies: SimpleCookie = SimpleCookie()
    for header in reply.headers.getall("Set-Cookie", []):
        cookies.load(header)
    return dict(cookies)


def cookie_header(reply: Reply) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in read_cookies(reply).items())}


async def sign_in(api: Api, email: str, **headers: str) -> Reply:
    return await api.anonymous.post("/auth/login", {"email": email, "password": PASSWORD}, headers=ASKS | headers)


async def test_keeps_the_tokens_in_cookies_that_scripts_cannot_read(api: Api) -> None:
    ann = await api.sign_up()
    reply = await sign_in(api, ann.email)
    assert (reply.status, reply.body["token"], reply.body["refresh_token"]) == (200, "", "")
    cookies = read_cookies(reply)
    assert set(cookies) == {"vocalized_user", "vocalized_user_refresh"}
    for cookie in cookies.values():
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Strict", "/", "")
    me = await api.anonymous.get("/auth/me", headers=ASKS | cookie_header(reply))
    assert (me.status, me.body["user"]["email"]) == (200, ann.email)


async def test_sign_up_and_the_staffs_sign_in_set_cookies_too(api: Api) -> None:
    account = {"email": "bea@example.com", "password": PASSWORD, "name": "Bea"}
    reply = await api.anonymous.post("/auth/signup", account, headers=ASKS)
    assert reply.status == 201
    assert (await api.anonymous.get("/auth/me", headers=ASKS | cookie_header(reply))).status == 200
    admin = await api.admin()
    credentials = {"email": admin.email, "password": PASSWORD}
    staff = await api.anonymous.post("/admin/auth/login", credentials, headers=ASKS)
    assert set(read_cookies(staff)) == {"vocalized_admin", "vocalized_admin_refresh"}
    assert (await api.anonymous.get("/admin/auth/me", headers=ASKS | cookie_header(staff))).status == 200
    assert (await api.anonymous.get("/auth/me", headers=ASKS | cookie_header(staff))).status == 401


async def test_over_https_cookies_are_bound_to_the_host(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, public_url="https://api.example.com") as api:
        ann = await api.sign_up()
        reply = await sign_in(api, ann.email, Origin="https://api.example.com")
        cookies = read_cookies(reply)
        assert set(cookies) == {"__Host-vocalized_user", "__Host-vocalized_user_refresh"}
        assert all(cookie["secure"] for cookie in cookies.values())
        plain = {"Cookie": cookie_header(reply)["Cookie"].replace("__Host-", "")}
        assert (await api.anonymous.get("/auth/me", headers=ASKS | plain)).status == 401


async def test_renews_the_session_by_the_cookie_alone(api: Api) -> None:
    ann = await api.sign_up()
    first = await sign_in(api, ann.email)
    renewed = await api.anonymous.post("/auth/refresh", headers=ASKS | cookie_header(first))
    assert (renewed.status, renewed.body["token"], renewed.body["refresh_token"]) == (200, "", "")
    assert (await api.anonymous.get("/auth/me", headers=ASKS | cookie_header(renewed))).status == 200
    reused = await api.anonymous.post("/auth/refresh", headers=ASKS | cookie_header(first))
    assert reused.code == "refresh_token_reused"


async def test_sign_out_ends_the_session_and_deletes_the_cookies(api: Api) -> None:
    ann = await api.sign_up()
    sent = ASKS | cookie_header(await sign_in(api, ann.email))
    out = await api.anonymous.post("/auth/logout", headers=sent)
    assert out.status == 204
    assert {(cookie.value, cookie["max-age"]) for cookie in read_cookies(out).values()} == {("", "0")}
    assert (await api.anonymous.get("/auth/me", headers=sent)).code == "session_over"


async def test_without_the_header_cookies_are_ignored(api: Api) -> None:
    """A form of another site, and a link, send cookies and no header of their own."""
    ann = await api.sign_up()
    cookies = cookie_header(await sign_in(api, ann.email))
    for headers in (cookies, cookies | {"Vocalized-Session": "other"}):
        assert (await api.anonymous.get("/auth/me", headers=headers)).code == "no_token"
        refused = await api.anonymous.post("/workspaces", {"name": "Forged", "industry": "dental"}, headers=headers)
        assert refused.code == "no_token"
        assert (await api.anonymous.post("/auth/logout", headers=headers)).code == "no_token"
        assert (await api.anonymous.post("/auth/refresh", headers=headers)).status == 422


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1.evil.example"},
    ],
)
async def test_pages_of_other_origins_cannot_use_cookies(api: Api, sent: dict[str, str]) -> None:
    ann = await api.sign_up()
    cookies = cookie_header(await sign_in(api, ann.email))
    refused = await api.anonymous.post("/workspaces", {"name": "Forged"}, headers=ASKS | cookies | sent)
    assert refused.code == "no_token"
    signed_in = await sign_in(api, ann.email, **sent)
    assert read_cookies(signed_in) == {}


async def test_no_other_origin_is_allowed_to_send_the_header(database_url: str, valkey_url: str) -> None:
    origin = "https://app.example.com"
    async with running_api(database_url, valkey_url, cors_origins=[origin]) as api:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "Vocalized-Session",
        }
        preflight = await api.anonymous.ask("OPTIONS", "/auth/me", headers=asked)
        assert "vocalized-session" not in preflight.headers["Access-Control-Allow-Headers"].lower()
        assert "Access-Control-Allow-Credentials" not in preflight.headers


async def test_a_token_in_the_header_takes_precedence_over_cookies(api: Api) -> None:
    ann, bea = await api.sign_up(), await api.sign_up()
    cookies = cookie_header(await sign_in(api, ann.email))
    me = await bea.get("/auth/me", headers=ASKS | cookies)
    assert me.body["user"]["email"] == bea.email
    refused = await api.anonymous.get("/auth/me", headers=ASKS | cookies | {"Authorization": "Bearer wrong"})
    assert refused.code == "token_invalid"


async def test_failed_sign_in_sets_no_cookie(api: Api) -> None:
    ann = await api.sign_up()
    credentials = {"email": ann.email, "password": "not the password"}
    refused = await api.anonymous.post("/auth/login", credentials, headers=ASKS)
    assert (refused.status, read_cookies(refused)) == (401, {})


async def test_without_the_header_tokens_are_in_the_response(api: Api) -> None:
    ann = await api.sign_up()
    reply = await api.sign_in(ann.email)
    assert reply.token
    assert reply.refresh_token
