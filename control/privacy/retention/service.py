"""The retention settings of a workspace."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from control.audit.service import Actor
from control.db.pool import Connection
from control.platform.service import Platform
from control.privacy.retention import queries
from control.privacy.retention.rules import KINDS, RetentionTerms, days_name, make_terms
from control.privacy.retention.tasks import platform_days
from control.privacy.rules import RetentionKind
from control.workspaces.service import Workspaces
from control.workspaces.settings import RETENTION
from shared.errors import Invalid, NotFound


class RetentionSettings:
    """Reads and changes retention settings, within the current transaction and in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, platform: Platform) -> None:
        self._workspaces, self._platform = workspaces, platform

    async def get(self, db: Connection, workspace_id: UUID) -> RetentionTerms:
        """Return the workspace's retention terms. Raises NotFound."""
        found = await queries.select_workspace(db, workspace_id)
        if found is None:
            raise NotFound("This workspace does not exist.", code="workspace_not_found")
        return make_terms(await platform_days(db, self._platform), found.features, found.settings)

    async def change(
        self,
        db: Connection,
        actor: Actor,
        workspace_id: UUID,
        chosen: Mapping[RetentionKind, int | None],
        now: datetime,
    ) -> RetentionTerms:
        """Change the days of the given kinds. None keeps the content for the longest time that the tier allows.

        Raises NotFound, Invalid (code retention_too_long, names the field) and Conflict (code workspace_suspended).
        """
        before = await self.get(db, workspace_id)
        for kind, days in chosen.items():
            if days is not None and days > before.longest[kind]:
                raise Invalid(
                    f"{days_name(kind)} can be at most {before.longest[kind]} in this workspace's tier.",
                    param=days_name(kind),
                    code="retention_too_long",
                )
        after = {**before.chosen, **chosen}
        value = {days_name(kind): days for kind in KINDS if (days := after[kind]) is not None}
        await self._workspaces.change_setting(db, actor, workspace_id, RETENTION, value, now)
        return RetentionTerms(chosen=after, longest=before.longest)
