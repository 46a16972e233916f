"""`/docs`: Swagger UI, served by the API itself, with what mends it for keyboards, screen readers and telephones."""

import re
from collections.abc import AsyncIterator
from email.message import Message

import pytest

from control.api.docs_page import PAGE, START, STYLE
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def test_everything_is_loaded_from_this_host(api: Api) -> None:
    page = await api.anonymous.get("/docs")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page.raw.decode())
    assert len(links) == 6 and "http" not in page.raw.decode()
    for path in links:
        assert path.startswith("/docs/") or path == "/openapi.json"
        reply = await api.anonymous.get(path)
        assert reply.status == 200 and len(reply.raw) > 100, path
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_browsers_take_each_file_for_what_it_is(api: Api) -> None:
    for path, content_type in (
        ("swagger-ui-bundle.js", "text/javascript"),
        ("start.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("page.css", "text/css"),
        ("favicon-32x32.png", "image/png"),
    ):
        message = Message()
        message["Content-Type"] = (await api.anonymous.get(f"/docs/{path}")).headers["Content-Type"]
        assert message.get_content_type() == content_type


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/..%2Fsettings.py", "/docs/index.html", "/docs/%252e%252e"])
async def test_no_other_file_is_served(api: Api, path: str) -> None:
    assert (await api.anonymous.get(path)).status == 404


async def test_swagger_ui_still_has_what_the_script_and_the_style_sheet_mend(api: Api) -> None:
    """A new version of Swagger UI may rename its classes; then axe-core has to look at the page again."""
    bundle = (await api.anonymous.get("/docs/swagger-ui-bundle.js")).raw.decode()
    named = set(re.findall(r"\.([a-z][\w-]+)", " ".join(re.findall(r'\["([^"]+)", \{', START))))
    assert len(named) >= 6
    styled = {
        name for selector in re.findall(r"([^{}]+)\{", STYLE) for name in re.findall(r"\.([a-z][\w-]+)", selector)
    }
    # Put together by Swagger UI: `opblock-` and the method, and `.5rem` of a media query is no class.
    made = {name for name in styled if re.fullmatch(r"opblock-(get|post|put|patch|delete)", name)}
    assert [name for name in sorted((named | styled) - made) if name not in bundle] == []
    assert '"DeepLink"' in bundle or "DeepLink:" in bundle


def test_page_works_without_a_script_as_far_as_it_can() -> None:
    assert '<html lang="en">' in PAGE and "<title>Vocalized API</title>" in PAGE
    assert "<noscript>" in PAGE and 'href="/openapi.json"' in PAGE
