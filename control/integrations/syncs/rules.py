"""Positions of syncs: the next page of a running sync and the starting point of the next sync. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urljoin
from uuid import UUID

import msgspec

from control.integrations.actions.rules import ActiveConnection, Values, authorize_link, fill_request
from control.integrations.actions.service import VendorFailure
from control.integrations.types.rules import Incremental, SyncDeclaration, find_value
from control.integrations.vendor_http import VendorAnswer, VendorRequest

SyncStatus = Literal["queued", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class SyncLog:
    """A log entry of a sync.

    Attributes:
        sync_type: Name of the sync in the type's declaration.
        progress: Numbers that show how far the sync has come.
        counts: Numbers of records by outcome.
    """

    id: UUID
    integration_id: UUID
    sync_type: str
    status: SyncStatus
    records_synced: int
    progress: Mapping[str, Any]
    counts: Mapping[str, Any]
    error: str | None
    started_at: datetime
    ended_at: datetime | None


# Overlap between two syncs at vendors without change cursors, because the vendor's search index may lag behind.
OVERLAP: Final = timedelta(minutes=5)
# Interval of full syncs. They are needed because incremental syncs do not report every deletion.
FULL_EVERY: Final = timedelta(hours=24)
MAX_PAGES: Final = 10_000
MAX_CURSOR_CHARACTERS: Final = 4_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SyncPosition(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a sync of a connection continues.

    Attributes:
        log_id: Log entry of the running sync. None if no sync is running.
        is_full: Whether the running sync copies everything.
        began: When the running sync began.
        cursor: Cursor of the next page.
        page: Number of the next page.
        since: Where the next incremental sync begins: a vendor's cursor, or a time.
        full_at: When the last full sync began.
        failures: Number of consecutive failures.
    """

    log_id: UUID | None = None
    is_full: bool = True
    began: datetime = _EPOCH
    cursor: str = ""
    page: int = 0
    since: str = ""
    full_at: datetime = _EPOCH
    failures: int = 0


def begin_sync(position: SyncPosition, declaration: SyncDeclaration, log_id: UUID, now: datetime) -> SyncPosition:
    """Return the position of a sync's first page. Return the position unchanged if this sync is already running."""
    if position.log_id == log_id:
        return position
    is_due = now - position.full_at >= FULL_EVERY
    is_full = is_due or not position.since or not _fits(declaration.incremental, position.since)
    return SyncPosition(
        log_id=log_id, is_full=is_full, began=now, since=position.since, full_at=position.full_at
    )  # fmt: skip


def restart_in_full(position: SyncPosition, now: datetime) -> SyncPosition:
    """Return the position for repeating the running sync in full, because the vendor no longer accepts its cursor."""
    return SyncPosition(log_id=position.log_id, began=now)


def make_page_request(
    connection: ActiveConnection, declaration: SyncDeclaration, position: SyncPosition, token: str
) -> VendorRequest:
    """Return the request for the next page. Raises Invalid."""
    pagination, config = declaration.pagination, connection.type_config
    if pagination.kind == "link" and position.cursor:
        return authorize_link(config, position.cursor, token)
    since = _since(declaration.incremental, position)
    extra = {}
    if since and declaration.incremental is not None and declaration.incremental.param and not position.is_full:
        extra[declaration.incremental.param] = since
    if pagination.kind == "page":
        extra[pagination.param] = str(pagination.first + position.page)
    elif pagination.kind == "cursor" and position.cursor:
        extra[pagination.param] = position.cursor
    template = declaration.full_request if declaration.full_request and position.is_full else declaration.request
    return fill_request(config, template, page_values(connection, declaration, position), token=token, extra=extra)


def page_values(connection: ActiveConnection, declaration: SyncDeclaration, position: SyncPosition) -> Values:
    """Return the placeholder values for a page request."""
    since = _since(declaration.incremental, position)
    return {"config": connection.settings, "cursor": position.cursor or None, "since": since or None}


@dataclass(frozen=True, slots=True)
class SyncPage:
    """A page received from the vendor.

    Attributes:
        url: Address of the page's request.
    """

    url: str
    answer: VendorAnswer
    records: int


def advance(declaration: SyncDeclaration, position: SyncPosition, page: SyncPage) -> SyncPosition | None:
    """Return the position of the next page, or None after the last page. Then call `end_sync`.

    Raises VendorFailure (unreadable) if the cursor does not advance or cannot be stored.
    """
    document = page.answer.json()
    cursor = _next_cursor(declaration, position, page, document)
    if not cursor:
        return None
    if cursor == position.cursor or position.page >= MAX_PAGES or len(cursor) > MAX_CURSOR_CHARACTERS:
        raise VendorFailure("unreadable", "the pages do not end")
    if not cursor.isprintable():  # PostgreSQL stores neither NUL characters nor lone surrogates
        raise VendorFailure("unreadable", "the cursor of the next page is not a line of text")
    return msgspec.structs.replace(position, cursor=cursor, page=position.page + 1, failures=0)


def end_sync(declaration: SyncDeclaration, position: SyncPosition, page: SyncPage) -> SyncPosition:
    """Return the position after the last page.

    The next sync copies everything if the vendor sent no change cursor or the cursor cannot be stored.
    """
    since = ""
    incremental = declaration.incremental
    if incremental is not None and incremental.source:
        found = _text(find_value(page.answer.json(), incremental.source))
        since = found if found.isprintable() and len(found) <= MAX_CURSOR_CHARACTERS else ""
    elif incremental is not None:
        since = (position.began - OVERLAP).isoformat()
    full_at = position.began if position.is_full else position.full_at
    return SyncPosition(since=since, full_at=full_at)


def _next_cursor(declaration: SyncDeclaration, position: SyncPosition, page: SyncPage, document: Any) -> str:
    """Return the cursor of the next page. Empty after the last page."""
    pagination = declaration.pagination
    if pagination.kind == "none":
        return ""
    found = find_value(document, pagination.next) if pagination.next else None
    if pagination.kind == "page":  # `next`, if declared, shows whether another page exists
        return str(position.page + 1) if page.records and (found or not pagination.next) else ""
    if pagination.kind == "link":
        link = _text(found) or _link_of(page.answer.headers.get("link", ""))
        return _join(page.url, link) if link else ""
    return _text(found)


def _join(url: str, link: str) -> str:
    try:
        return urljoin(url, link)
    except ValueError:
        raise VendorFailure("unreadable", "the link to the next page is not an address") from None


def _fits(incremental: Incremental | None, since: str) -> bool:
    """Return whether `since` matches the declaration, so that an incremental sync is possible.

    Staff may have changed the declaration from cursors to times.
    """
    if incremental is None or incremental.source:
        return incremental is not None
    try:
        return datetime.fromisoformat(since).tzinfo is not None
    except ValueError:
        return False


def _link_of(header: str) -> str:
    """Return the URL with the relation `next` from a Link header (RFC 8288)."""
    for part in header.split(","):
        address, _, parameters = part.partition(";")
        if 'rel="next"' in parameters.replace(" ", "") or "rel=next" in parameters.replace(" ", ""):
            return address.strip().removeprefix("<").removesuffix(">")
    return ""


def _since(incremental: Incremental | None, position: SyncPosition) -> str:
    """Return the value of `{{since}}`. In a full sync by time, this is the earliest possible time."""
    if incremental is None or incremental.source:
        return "" if position.is_full else position.since
    moment = _EPOCH if position.is_full or not position.since else datetime.fromisoformat(position.since)
    if incremental.time_format == "unix_ms":
        return str(round(moment.timestamp() * 1000))
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
