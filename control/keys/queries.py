"""SQL for revoked credentials of media nodes. The tables' owner writes them; the programs only read them."""

from datetime import datetime

from control.db.pool import Connection

# More than the number of node addresses of any platform.
_MOST = 10_000


async def upsert_revocation(db: Connection, url: str, before: datetime) -> None:
    """Revoke the node credentials for `url` that were created before a time."""
    await db.execute(
        "INSERT INTO revoked_media_passes (url, made_before) VALUES ($1, $2) "
        "ON CONFLICT (url) DO UPDATE SET made_before = greatest(revoked_media_passes.made_before, $2)",
        url, before,
    )  # fmt: skip


async def select_revocations(db: Connection) -> dict[str, datetime]:
    """Return, by URL, the time before which created credentials are revoked."""
    rows = await db.fetch("SELECT url, made_before FROM revoked_media_passes ORDER BY url LIMIT $1", _MOST)
    return {row["url"]: row["made_before"] for row in rows}
