"""Where a sync continues: each kind of pages, and where the next one begins."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.integrations.actions.rules import ActiveConnection
from control.integrations.actions.service import VendorFailure
from control.integrations.syncs.rules import (
    FULL_EVERY,
    SyncPage,
    SyncPosition,
    advance,
    begin_sync,
    end_sync,
    make_page_request,
)
from control.integrations.types.rules import IntegrationTypeConfig, SyncDeclaration
from control.integrations.vendor_http import VendorAnswer
from shared.errors import Invalid

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LOG, NEXT_LOG = UUID(int=1), UUID(int=2)
BASE = "https://api.example.com"


def declare(**parts: Any) -> SyncDeclaration:
    return SyncDeclaration.model_validate(
        {
            "name": "people",
            "record": "contact",
            "request": {"method": "GET", "path": "/people"},
            "response": {"items": "/data", "fields": {"external_id": "/id"}},
            **parts,
        }
    )


def connection() -> ActiveConnection:
    config = IntegrationTypeConfig.model_validate({"base_url": BASE, "api_key": {}})
    return ActiveConnection(UUID(int=3), UUID(int=4), "t", {}, config)


def page(body: Any, records: int = 1, url: str = f"{BASE}/people", **headers: str) -> SyncPage:
    return SyncPage(url, VendorAnswer(200, headers, json.dumps(body).encode()), records)


def urls(declaration: SyncDeclaration, pages: list[SyncPage]) -> list[str]:
    """The addresses that are asked for, until the last page."""
    position: SyncPosition | None = begin_sync(SyncPosition(), declaration, LOG, NOW)
    asked = []
    for one in pages:
        assert position is not None
        asked.append(make_page_request(connection(), declaration, position, "t").url.removeprefix(BASE))
        position = advance(declaration, position, one)
    assert position is None
    return asked


def test_pages_are_counted_until_one_is_empty() -> None:
    declaration = declare(pagination={"kind": "page", "param": "page", "first": 0})
    assert urls(declaration, [page({}), page({}), page({}, 0)]) == [f"/people?page={number}" for number in range(3)]
    declaration = declare(pagination={"kind": "page", "param": "page", "next": "/more"})
    assert urls(declaration, [page({"more": True}), page({"more": False})]) == ["/people?page=1", "/people?page=2"]


def test_links_are_followed_on_the_same_server_only() -> None:
    declaration = declare(pagination={"kind": "link"})
    pages = [page([], link='</other>; rel="prev", <https://api.example.com/people?at=2>; rel="next"'), page([])]
    assert urls(declaration, pages) == ["/people", "/people?at=2"]
    declaration = declare(pagination={"kind": "link", "next": "/next"})
    assert urls(declaration, [page({"next": "/people?at=3"}), page({"next": None})]) == ["/people", "/people?at=3"]
    position = advance(declaration, begin_sync(SyncPosition(), declaration, LOG, NOW), page({"next": "//evil.example"}))
    assert position is not None
    with pytest.raises(Invalid, match="another server"):
        make_page_request(connection(), declaration, position, "secret")


def test_cursor_that_does_not_advance_ends_the_sync() -> None:
    declaration = declare(pagination={"kind": "cursor", "param": "after", "next": "/next"})
    position = advance(declaration, begin_sync(SyncPosition(), declaration, LOG, NOW), page({"next": "a"}))
    assert position is not None
    with pytest.raises(VendorFailure, match="do not end"):
        advance(declaration, position, page({"next": "a"}))
    with pytest.raises(VendorFailure, match="do not end"):
        advance(declaration, position, page({"next": "b" * 5_000}))


def test_changes_are_asked_for_by_time_and_everything_once_a_day() -> None:
    declaration = declare(incremental={"param": "since"})
    first = begin_sync(SyncPosition(), declaration, LOG, NOW)
    assert first.is_full and make_page_request(connection(), declaration, first, "t").url == f"{BASE}/people"
    assert begin_sync(first, declaration, LOG, NOW + timedelta(hours=1)) == first, "the same sync goes on"
    after = end_sync(declaration, first, page({}))
    second = begin_sync(after, declaration, NEXT_LOG, NOW + timedelta(hours=1))
    url = make_page_request(connection(), declaration, second, "t").url
    assert url == f"{BASE}/people?since=2026-11-26T11%3A55%3A00Z", "five minutes before the last one began"
    assert begin_sync(after, declaration, NEXT_LOG, NOW + FULL_EVERY).is_full


def test_position_is_the_same_after_it_was_stored() -> None:
    position = SyncPosition(log_id=LOG, began=NOW, cursor="ü", page=3, since="x", full_at=NOW, failures=2)
    assert msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(position))), SyncPosition) == position


@pytest.mark.parametrize("link", ["https://[evil", "//[::1", "/people?at=\ud800", "/people?at=\u0000"])
def test_link_that_is_no_address_is_unreadable(link: str) -> None:
    declaration = declare(pagination={"kind": "link", "next": "/next"})
    with pytest.raises(VendorFailure, match=r"not an address|not a line"):
        advance(declaration, begin_sync(SyncPosition(), declaration, LOG, NOW), page({"next": link}))


@pytest.mark.parametrize("cursor", ["a\u0000b", "\ud800", "a\nb"])
def test_cursor_that_cannot_be_stored_is_unreadable(cursor: str) -> None:
    declaration = declare(
        pagination={"kind": "cursor", "param": "after", "next": "/next"},
        incremental={"param": "token", "from": "/sync"},
    )
    position = begin_sync(SyncPosition(), declaration, LOG, NOW)
    with pytest.raises(VendorFailure, match="cursor"):
        advance(declaration, position, page({"next": cursor}))
    assert end_sync(declaration, position, page({"sync": cursor})).since == "", "so the next sync copies everything"
    assert end_sync(declaration, position, page({"sync": "x" * 5_000})).since == ""


def test_sync_copies_everything_when_its_declaration_counts_changes_in_another_way() -> None:
    by_time = declare(incremental={"param": "since"})
    position = begin_sync(SyncPosition(since="CAESDw", full_at=NOW), by_time, LOG, NOW)
    assert position.is_full and make_page_request(connection(), by_time, position, "t").url == f"{BASE}/people"
