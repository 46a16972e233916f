"""SQL for workspaces, their members, invitations and trials."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.patterns import contains_pattern
from control.db.pool import Connection
from control.platform.rules import CURRENCY
from control.workspaces.rules import (
    Invitation,
    Member,
    Membership,
    PresentedInvitation,
    Role,
    Workspace,
    WorkspaceFilter,
    WorkspaceListing,
    WorkspaceStats,
    WorkspaceUse,
)
from control.workspaces.settings import REDACTION

# --- Workspaces ------------------------------------------------------------------------------------------------------

_WORKSPACE: Final = ", ".join(field.name for field in fields(Workspace))
# Columns that may change after creation.
_MUTABLE: Final = tuple(field.name for field in fields(Workspace) if field.name not in ("id", "created_at"))
# "NO KEY UPDATE" blocks changes of the workspace and its members; "UPDATE" also blocks new agents and numbers.
RowLock = Literal["", "KEY SHARE", "NO KEY UPDATE", "UPDATE"]


async def select_workspace(
    db: Connection, workspace_id: UUID, *, hold: RowLock = "", deleted: bool = False
) -> Workspace | None:
    """Return a workspace, or None.

    Args:
        hold: Row lock to hold until the transaction ends.
        deleted: Whether to include deleted workspaces within their grace period.
    """
    locking = f" FOR {hold}" if hold else ""
    row = await db.fetchrow(
        f"SELECT {_WORKSPACE} FROM workspaces WHERE id = $1 AND ($2 OR deleted_at IS NULL){locking}",
        workspace_id,
        deleted,
    )
    return None if row is None else Workspace(**row)


async def insert_workspace(db: Connection, workspace: Workspace, user_id: UUID) -> None:
    """Insert a workspace. Enter the workspace's scope first."""
    await db.execute(
        """
        INSERT INTO workspaces (id, name, industry, timezone, status, tier_name, trial_ends_at, created_by,
                                created_at, updated_at, status_before, suspended_at, suspended_why)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)
        """,
        *(workspace.id, workspace.name, workspace.industry, workspace.timezone, workspace.status),
        *(workspace.tier_name, workspace.trial_ends_at, user_id, workspace.created_at),
        *(workspace.status_before, workspace.suspended_at, workspace.suspended_why),
    )


async def update_workspace(db: Connection, workspace: Workspace) -> None:
    """Store all mutable columns. The row must be locked."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_MUTABLE, 2))
    values = (getattr(workspace, name) for name in _MUTABLE)
    await db.execute(f"UPDATE workspaces SET {sets} WHERE id = $1", workspace.id, *values)


async def insert_change(
    db: Connection, change_id: UUID, workspace: Workspace, monthly_fee: Decimal, now: datetime
) -> None:
    """Record the workspace's status, tier and fee as of now."""
    await db.execute(
        """
        INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        change_id,
        workspace.id,
        now,
        "deleted" if workspace.deleted_at else workspace.status,
        workspace.tier_name,
        monthly_fee,
    )


async def lock_creator(db: Connection, user_id: UUID) -> None:
    """Serialize creations of workspaces by this user until the transaction ends, because they count before they
    insert.
    """
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('workspaces of ' || $1::text, 0))", str(user_id))


async def count_owned(db: Connection, user_id: UUID) -> int:
    """Count the workspaces that the user owns, alone or with others."""
    total: int = await db.fetchval(
        """
        SELECT count(*) FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND m.role = 'owner' AND w.deleted_at IS NULL
        """,
        user_id,
    )
    return total


async def owns_active(db: Connection, user_id: UUID) -> bool:
    """Return whether the user owns an active workspace, which excludes trials."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
                       WHERE m.user_id = $1 AND m.role = 'owner' AND w.status = 'active' AND w.deleted_at IS NULL)
        """,
        user_id,
    )
    return found


async def select_monthly_fee(db: Connection, tier_name: str) -> Decimal:
    """Return the monthly fee in major units. The tier must exist, because a workspace's row refers to it."""
    return Decimal(await db.fetchval("SELECT monthly_fee FROM tiers WHERE tier_name = $1", tier_name))


# Settings of the workspaces in $1 that have redaction.
_SELECT_REDACTION: Final = """
    SELECT id, settings FROM workspaces WHERE id = ANY ($1::uuid[]) AND settings ? 'redaction' LIMIT 10000
"""


async def select_redaction(db: Connection, workspace_ids: Iterable[UUID]) -> Mapping[UUID, Sequence[str]]:
    """Return the redacted kinds by workspace. Workspaces without redaction are left out."""
    rows = await db.fetch(_SELECT_REDACTION, list(set(workspace_ids)))
    return {row["id"]: kinds for row in rows if (kinds := REDACTION.read(row["settings"]))}


async def lock_purgeable(db: Connection, now: datetime, most: int, among: Sequence[UUID] | None = None) -> list[UUID]:
    """Lock deleted workspaces past their grace period, earliest first, skipping rows locked by others.

    Workspaces with a phone number that the carrier still charges for, or with an address that the carrier still has,
    are skipped, because the carrier's copy could not be removed without the row. Workspaces that were deleted within
    the last 24 hours are skipped, because their calls and numbers count toward daily limits.

    Args:
        among: Restricts the result to these workspaces.
    """
    rows = await db.fetch(
        """
        SELECT id FROM workspaces w WHERE purge_after <= $1 AND deleted_at <= $1::timestamptz - interval '1 day'
        AND NOT EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id
                        AND p.status IN ('buying', 'active', 'releasing'))
        AND NOT EXISTS (SELECT FROM business_addresses a WHERE a.workspace_id = w.id)
        AND ($3::uuid[] IS NULL OR id = ANY ($3))
        ORDER BY purge_after LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        now, most, among,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def delete_workspace(db: Connection, workspace_id: UUID) -> None:
    """Delete a workspace's row and, by cascade, all rows that refer to it."""
    await db.execute("DELETE FROM workspaces WHERE id = $1", workspace_id)


# --- Members ---------------------------------------------------------------------------------------------------------

_MEMBER: Final = """
    SELECT m.user_id, u.email, u.name, m.role, m.joined_at
    FROM workspace_members m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1
"""
# An inactive account does not count as an owner, because it cannot sign in.
_OTHER_OWNER: Final = """
    EXISTS (SELECT FROM workspace_members o JOIN users u ON u.id = o.user_id
            WHERE o.workspace_id = w.id AND o.role = 'owner' AND o.user_id <> $2 AND u.is_active)
"""
_MEMBER_ORDER: Final = Keyset(
    ("m.joined_at", "m.user_id"),
    "SELECT joined_at, user_id FROM workspace_members WHERE user_id = $1 AND workspace_id = $2",
    descending=False,
)


async def select_memberships(db: Connection, user_id: UUID) -> list[Membership]:
    """Return a user's memberships, oldest first."""
    rows = await db.fetch(
        """
        SELECT w.id, w.name, w.industry, m.role, w.status, w.tier_name AS subscription_tier, m.joined_at
        FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND w.deleted_at IS NULL ORDER BY m.joined_at, w.id LIMIT 1000
        """,
        user_id,
    )
    return [Membership(**row) for row in rows]


async def count_memberships(db: Connection, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the workspaces of each user. Users without a workspace are left out."""
    rows = await db.fetch(
        """
        SELECT m.user_id, count(*) AS workspaces
        FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = ANY ($1::uuid[]) AND w.deleted_at IS NULL GROUP BY m.user_id
        """,
        user_ids,
    )
    return {row["user_id"]: row["workspaces"] for row in rows}


async def select_members(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Member]:
    """Return a page of members in the order of joining. Raises Invalid (code cursor_unknown)."""
    clause = await _MEMBER_ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_MEMBER} {clause.tail}", *clause.values)
    return cut_page([Member(**row) for row in rows], page)


async def count_members(db: Connection, workspace_id: UUID) -> int:
    total: int = await db.fetchval("SELECT count(*) FROM workspace_members WHERE workspace_id = $1", workspace_id)
    return total


async def select_member(db: Connection, workspace_id: UUID, user_id: UUID) -> Member | None:
    """Return a member, or None."""
    row = await db.fetchrow(f"{_MEMBER} AND m.user_id = $2", workspace_id, user_id)
    return None if row is None else Member(**row)


async def select_role(db: Connection, workspace_id: UUID, user_id: UUID | None) -> Role | None:
    """Return a user's role, or None if the user is not a member."""
    role: Role | None = await db.fetchval(
        "SELECT role FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id
    )
    return role


async def has_member(db: Connection, workspace_id: UUID, email: str) -> bool:
    """Return whether a member has this address."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND u.email = $2)
        """,
        workspace_id, email,
    )  # fmt: skip
    return found


async def select_confirmed_addresses(db: Connection, workspace_id: UUID, emails: Collection[str]) -> set[str]:
    """Return which of these addresses belong to members who have confirmed them and can sign in."""
    rows = await db.fetch(
        """
        SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
        WHERE m.workspace_id = $1 AND u.email = ANY ($2::text[]) AND u.is_active AND u.email_verified_at IS NOT NULL
        """,
        workspace_id, list(emails),
    )  # fmt: skip
    return {row["email"] for row in rows}


async def select_first_owner(db: Connection, workspace_id: UUID) -> Member | None:
    """Return the owner with the oldest membership, or None."""
    row = await db.fetchrow(f"{_MEMBER} AND m.role = 'owner' ORDER BY m.joined_at, m.user_id LIMIT 1", workspace_id)
    return None if row is None else Member(**row)


async def has_verified_owner(db: Connection, workspace_id: UUID) -> bool:
    """Return whether an owner has a confirmed address."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.email_verified_at IS NOT NULL)
        """,
        workspace_id,
    )
    return found


async def has_other_owner(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Return whether another active account is an owner. The workspace's row must be locked."""
    found: bool = await db.fetchval(f"SELECT {_OTHER_OWNER} FROM workspaces w WHERE w.id = $1", workspace_id, user_id)
    return found


async def select_orphans(db: Connection, workspace_ids: list[UUID], user_id: UUID) -> list[str]:
    """Return the names of the workspaces whose only owner is this user."""
    rows = await db.fetch(
        f"""
        SELECT w.name FROM workspaces w JOIN workspace_members m ON m.workspace_id = w.id
        WHERE w.id = ANY ($1::uuid[]) AND m.user_id = $2 AND m.role = 'owner' AND NOT {_OTHER_OWNER} ORDER BY w.name
        """,
        workspace_ids, user_id,
    )  # fmt: skip
    return [row["name"] for row in rows]


async def insert_member(
    db: Connection, workspace_id: UUID, user_id: UUID, role: Role, invited_by: UUID | None, now: datetime
) -> bool:
    """Insert a member. Return False if the user is already a member or the account is deleted.

    If the account is deleted, the transaction cannot continue.
    """
    try:
        status = await db.execute(
            """
            INSERT INTO workspace_members (workspace_id, user_id, role, invited_by, joined_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (workspace_id, user_id) DO NOTHING
            """,
            workspace_id, user_id, role, invited_by, now,
        )  # fmt: skip
    except asyncpg.ForeignKeyViolationError:
        return False
    return bool(status == "INSERT 0 1")


async def update_role(db: Connection, workspace_id: UUID, user_id: UUID, role: Role) -> None:
    """Update a member's role."""
    await db.execute(
        "UPDATE workspace_members SET role = $3 WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id, role
    )


async def delete_member(db: Connection, workspace_id: UUID, user_id: UUID) -> None:
    """Delete the membership."""
    await db.execute("DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id)


async def lock_memberships(db: Connection, user_id: UUID) -> list[UUID]:
    """Lock the user's workspaces, except deleted ones. Return their ids. The order by id prevents deadlocks."""
    rows = await db.fetch(
        """
        SELECT id FROM workspaces WHERE deleted_at IS NULL
        AND id IN (SELECT workspace_id FROM workspace_members WHERE user_id = $1) ORDER BY id FOR NO KEY UPDATE
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def lock_user(db: Connection, user_id: UUID) -> None:
    """Lock the account, so that no other transaction can make it a member until this transaction ends."""
    await db.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", user_id)


# --- Invitations -----------------------------------------------------------------------------------------------------

_INVITATION: Final = "id, workspace_id, email, role, invited_by, created_at, expires_at"
_OPEN_INVITATION: Final = "workspace_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL"
# An address has at most one open invitation. An invitation that was accepted meanwhile still marks the start of the
# next page.
_INVITATION_ORDER: Final = Keyset(
    ("email", "id"), "SELECT email, id FROM invitations WHERE id = $1 AND workspace_id = $2", descending=False
)


async def select_invitations(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Invitation]:
    """Return a page of open invitations, ordered by address. Raises Invalid (code cursor_unknown)."""
    clause = await _INVITATION_ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"SELECT {_INVITATION} FROM invitations WHERE {_OPEN_INVITATION} {clause.tail}", *clause.values
    )
    return cut_page([Invitation(**row) for row in rows], page)


async def count_invitations(db: Connection, workspace_id: UUID) -> int:
    """Count the open invitations."""
    total: int = await db.fetchval(f"SELECT count(*) FROM invitations WHERE {_OPEN_INVITATION}", workspace_id)
    return total


async def find_invitation_to(db: Connection, workspace_id: UUID, email: str) -> Invitation | None:
    """Return the open invitation for an address, or None."""
    row = await db.fetchrow(
        f"SELECT {_INVITATION} FROM invitations WHERE {_OPEN_INVITATION} AND email = $2", workspace_id, email
    )
    return None if row is None else Invitation(**row)


async def select_invitation(db: Connection, workspace_id: UUID, invitation_id: UUID) -> Invitation | None:
    """Return the open invitation with this id, or None."""
    row = await db.fetchrow(
        f"SELECT {_INVITATION} FROM invitations WHERE {_OPEN_INVITATION} AND id = $2", workspace_id, invitation_id
    )
    return None if row is None else Invitation(**row)


async def upsert_invitation(db: Connection, invitation: Invitation, token: bytes) -> Invitation:
    """Insert an invitation. An open invitation for the same address is updated instead.

    The updated invitation keeps its id, and its older token becomes invalid.
    """
    row = await db.fetchrow(
        f"""
        INSERT INTO invitations ({_INVITATION}, token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (workspace_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL
        DO UPDATE SET role = $4, invited_by = $5, created_at = $6, expires_at = $7, token_hash = $8
        RETURNING {_INVITATION}
        """,
        *(invitation.id, invitation.workspace_id, invitation.email, invitation.role, invitation.invited_by),
        *(invitation.created_at, invitation.expires_at, token),
    )
    return Invitation(**row)


async def find_presented(db: Connection, token: bytes) -> PresentedInvitation | None:
    """Return the invitation with this token, unless its workspace is deleted. Requires platform scope."""
    row = await db.fetchrow(
        """
        SELECT i.id, i.workspace_id, i.email, i.role, i.invited_by, i.expires_at, i.accepted_at, i.revoked_at
        FROM invitations i JOIN workspaces w ON w.id = i.workspace_id
        WHERE i.token_hash = $1 AND w.deleted_at IS NULL
        """,
        token,
    )
    return None if row is None else PresentedInvitation(**row)


async def accept_invitation(db: Connection, workspace_id: UUID, invitation_id: UUID, now: datetime) -> None:
    """Mark an invitation as accepted."""
    await db.execute(
        "UPDATE invitations SET accepted_at = $3 WHERE workspace_id = $1 AND id = $2", workspace_id, invitation_id, now
    )


async def revoke_invitation(db: Connection, workspace_id: UUID, invitation_id: UUID, now: datetime) -> None:
    """Mark an invitation as revoked."""
    await db.execute(
        "UPDATE invitations SET revoked_at = $3 WHERE workspace_id = $1 AND id = $2", workspace_id, invitation_id, now
    )


async def revoke_invitations_by(
    db: Connection, workspace_id: UUID, user_id: UUID, keep: Iterable[Role], now: datetime
) -> list[str]:
    """Revoke a member's open invitations, except those to roles in `keep`. Return the addresses."""
    rows = await db.fetch(
        f"UPDATE invitations SET revoked_at = $4 WHERE {_OPEN_INVITATION} AND invited_by = $2 "
        "AND role <> ALL ($3::text[]) "
        "RETURNING email",
        workspace_id, user_id, list(keep), now,
    )  # fmt: skip
    return sorted(row["email"] for row in rows)


# --- Trials and the users who hold them
# -----------------------------------------------------------------------------------

# Owners and creator of workspace $1. The creator is included, because they may have handed it to a second account.
_SELECT_HOLDERS: Final = """
    SELECT user_id FROM workspace_members WHERE workspace_id = $1 AND role = 'owner'
    UNION SELECT created_by FROM workspaces WHERE id = $1 AND created_by IS NOT NULL
"""
# Workspaces that users $1 created or own, including deleted workspaces until they are purged.
_SELECT_WORKSPACES: Final = """
    SELECT id FROM workspaces WHERE created_by = ANY($1::uuid[])
    UNION SELECT workspace_id FROM workspace_members WHERE user_id = ANY($1::uuid[]) AND role = 'owner'
    LIMIT 10000
"""


async def select_trial_end(db: Connection, user_ids: Collection[UUID]) -> datetime | None:
    """Return when the last trial of these users ends, or None if they never had a trial."""
    ends_at: datetime | None = await db.fetchval(
        "SELECT max(ends_at) FROM user_trials WHERE user_id = ANY($1::uuid[])", list(user_ids)
    )
    return ends_at


async def insert_trial(db: Connection, user_id: UUID, now: datetime, ends_at: datetime) -> None:
    """Store the start of a user's trial. An existing trial stays unchanged."""
    await db.execute(
        "INSERT INTO user_trials (user_id, began_at, ends_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING",
        user_id,
        now,
        ends_at,
    )


async def lock_ended_trials(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Lock workspaces whose trial has ended, earliest end first, skipping rows locked by others. Return their ids."""
    rows = await db.fetch(
        """
        SELECT id FROM workspaces WHERE status = 'trial' AND deleted_at IS NULL AND trial_ends_at <= $1
        ORDER BY trial_ends_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        """,
        now, most,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def select_holders(db: Connection, workspace_id: UUID) -> set[UUID]:
    """Return the owners and the creator of a workspace."""
    return {row["user_id"] for row in await db.fetch(_SELECT_HOLDERS, workspace_id)}


async def select_workspaces_of(db: Connection, user_ids: Collection[UUID]) -> list[UUID]:
    """Return the workspaces of these users, including deleted ones."""
    return [row["id"] for row in await db.fetch(_SELECT_WORKSPACES, list(user_ids))]


# --- Use of the tier -------------------------------------------------------------------------------------------------


async def select_use(db: Connection, workspace_id: UUID, now: datetime) -> WorkspaceUse:
    """Count the workspace's use of each limit."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL) AS agents,
               (SELECT count(*) FROM workspace_members WHERE workspace_id = $1) AS members,
               (SELECT count(*) FROM invitations WHERE workspace_id = $1 AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at > $2) AS invitations,
               (SELECT count(*) FROM phone_numbers WHERE workspace_id = $1
                AND status IN ('buying', 'active')) AS phone_numbers
        """,
        workspace_id, now,
    )  # fmt: skip
    return WorkspaceUse(**row)


async def select_seconds(db: Connection, workspace_id: UUID, now: datetime) -> int:
    """Return the seconds of calls in this calendar month (UTC) that have been rolled up."""
    total: int = await db.fetchval(
        """
        SELECT coalesce(sum(seconds), 0)::bigint FROM workspace_daily
        WHERE workspace_id = $1 AND day >= date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC')::date
        """,
        workspace_id, now,
    )  # fmt: skip
    return total


# --- Workspaces, for staff -------------------------------------------------------------------------------------------

_LISTING_SEARCH: Final = """
    (w.name ILIKE ${0} OR w.id IN (SELECT m.workspace_id FROM users u JOIN workspace_members m ON m.user_id = u.id
                                   WHERE m.role = 'owner' AND u.email ILIKE ${0}))
"""
_LISTING_ORDER: Final = Keyset(("w.created_at", "w.id"), "SELECT created_at, id FROM workspaces WHERE id = $1")


async def select_listings(db: Connection, wanted: WorkspaceFilter, page: PageRequest) -> ListPage[WorkspaceListing]:
    """Return a page of workspaces, newest first. Raises Invalid (code cursor_unknown).

    Owner and figures are read only for the rows of the page.
    """
    where, values = _listing_conditions(wanted)
    clause = await _LISTING_ORDER.make_clause(db, page, values)
    currency = len(clause.values) + 1
    rows = await db.fetch(
        f"""
        WITH w AS (
            SELECT w.id, w.name, w.industry, w.status, w.tier_name, w.created_at, w.deleted_at
            FROM workspaces w WHERE {where} {clause.tail}
        )
        SELECT w.id, w.name, w.industry, o.email AS owner_email, w.status, w.tier_name AS subscription_tier,
               w.created_at, w.deleted_at, coalesce(t.calls, 0) AS total_calls, coalesce(t.price, 0) AS total_revenue,
               coalesce(b.currency, ${currency}) AS currency
        FROM w
        LEFT JOIN billing_accounts b ON b.workspace_id = w.id
        LEFT JOIN workspace_totals t ON t.workspace_id = w.id
        LEFT JOIN LATERAL (
            SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
            WHERE m.workspace_id = w.id AND m.role = 'owner' ORDER BY m.joined_at, m.user_id LIMIT 1
        ) o ON true
        ORDER BY {clause.order}
        """,
        *clause.values,
        CURRENCY,
    )
    return cut_page([WorkspaceListing(**row) for row in rows], page)


async def count_listings(db: Connection, wanted: WorkspaceFilter) -> int:
    """Count the workspaces that match the filter."""
    where, values = _listing_conditions(wanted)
    total: int = await db.fetchval(f"SELECT count(*) FROM workspaces w WHERE {where}", *values)
    return total


def _listing_conditions(wanted: WorkspaceFilter) -> tuple[str, list[Any]]:
    """Return only the conditions that the filter sets, so that each combination can use its index."""
    conditions = ["w.deleted_at IS NOT NULL" if wanted.status == "deleted" else "w.deleted_at IS NULL"]
    values: list[Any] = []
    if wanted.status in ("trial", "active", "suspended"):
        values.append(wanted.status)
        conditions.append(f"w.status = ${len(values)}")
    if wanted.search:
        values.append(contains_pattern(wanted.search))
        conditions.append(_LISTING_SEARCH.format(len(values)))
    return " AND ".join(conditions), values


async def select_stats(db: Connection, workspace_id: UUID) -> WorkspaceStats:
    """Return the all-time figures of a workspace."""
    row = await db.fetchrow(
        """
        SELECT coalesce(max(t.calls), 0) AS total_calls, coalesce(max(t.price), 0) AS total_revenue,
               coalesce((SELECT currency FROM billing_accounts WHERE workspace_id = $1), $2) AS currency,
               (SELECT count(*) FROM agents WHERE workspace_id = $1 AND status = 'live'
                AND deleted_at IS NULL) AS active_agents
        FROM workspace_totals t WHERE t.workspace_id = $1
        """,
        workspace_id,
        CURRENCY,
    )
    return WorkspaceStats(**row)
