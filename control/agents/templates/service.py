"""Agent templates: staff edit them, and customers create agents from the public templates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from control.agents.checks import parse_config, require_known
from control.agents.plans.rules import require_spoken
from control.agents.rules import AgentContent, Template
from control.agents.templates import queries
from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.voice.catalog.service import list_catalog
from control.voice.routing.rules import ProviderOffers
from shared.errors import NotFound
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """Input for a new template.

    Attributes:
        default_config: A part of an AgentConfig into which an agent's own config is merged.
    """

    name: str
    industry: str | None
    description: str
    default_config: Mapping[str, Any]
    is_public: bool


class Templates:
    """Manages templates of agents.

    Customers see only the public templates; the other methods are for staff, in platform scope.
    """

    async def list_public(self, db: Connection, industry: str | None, *, page: PageRequest) -> ListPage[Template]:
        """Return a page of public templates by name, of one industry or of all.

        Raises Invalid (code cursor_unknown).
        """
        found = await queries.select_public(db, industry, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_public(db, industry))

    async def get_public(self, db: Connection, template_id: UUID) -> Template:
        """Return a public template. Raises NotFound."""
        template = await self.get(db, template_id)
        if not template.is_public:
            raise _no_such_template()
        return template

    async def list_all(self, db: Connection, *, page: PageRequest) -> ListPage[Template]:
        """Return a page of all templates by name, with the number of agents that use each.

        Raises Invalid (code cursor_unknown).
        """
        found = await queries.select_all(db, page)
        return found if page.cursor is not None else found.with_total(await queries.count_all(db))

    async def get(self, db: Connection, template_id: UUID) -> Template:
        """Return a template. Raises NotFound."""
        template = await queries.select_template(db, template_id)
        if template is None:
            raise _no_such_template()
        return template

    async def create(self, db: Connection, actor: Actor, new: NewTemplate, now: datetime) -> Template:
        """Create a template. Raises Invalid, which names the field."""
        await _require_valid(db, new.default_config)
        template = Template(
            id=UUID(new_id()),
            slug=None,
            name=new.name,
            industry=new.industry,
            description=new.description,
            default_config=new.default_config,
            is_public=new.is_public,
            created_at=now,
            updated_at=now,
        )
        await queries.insert_template(db, template, actor.id)
        await record_change(
            db, actor, Change("template.create", "template", str(template.id), after=_audited(template))
        )
        return template

    async def update(
        self, db: Connection, actor: Actor, template_id: UUID, changes: Mapping[str, Any], now: datetime
    ) -> Template:
        """Change a template. Agents created from it stay unchanged. Raises NotFound and Invalid.

        Args:
            changes: Values by field of NewTemplate. A default_config replaces the previous config.
        """
        before = await queries.select_template(db, template_id, lock=True)
        if before is None:
            raise _no_such_template()
        after = replace(before, **changes)
        if after == before:
            return before
        await _require_valid(db, after.default_config)
        after = replace(after, updated_at=now)
        await queries.update_template(db, after)
        await record_change(db, actor, _make_change(before, after))
        return after

    async def delete(self, db: Connection, actor: Actor, template_id: UUID, now: datetime) -> None:
        """Delete a template, even if it is in use: agents created from it have their own config. Raises NotFound."""
        template = await queries.select_template(db, template_id, lock=True)
        if template is None:
            raise _no_such_template()
        await queries.delete_template(db, template_id, now)
        await record_change(
            db, actor, Change("template.delete", "template", str(template_id), before=_audited(template))
        )


async def _require_valid(db: Connection, default_config: Mapping[str, Any]) -> None:
    config = parse_config(default_config, "default_config")
    offers = ProviderOffers(await list_catalog(db))
    content = AgentContent("", {}, None, {})
    require_known(content, config, offers, "default_config")
    require_spoken(content, config, offers, "default_config")


def _audited(template: Template) -> dict[str, Any]:
    return {field.name: getattr(template, field.name) for field in fields(NewTemplate)}


def _make_change(before: Template, after: Template) -> Change:
    old, new = _audited(before), _audited(after)
    changed = [name for name in new if old[name] != new[name]]
    return Change(
        "template.update",
        "template",
        str(after.id),
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed},
    )


def _no_such_template() -> NotFound:
    return NotFound("This template does not exist.", code="template_not_found")


async def seed_templates(db: Connection, templates: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Insert the templates that the product ships with. Raises Invalid.

    Args:
        templates: Templates as mappings of column names to values, with a slug. Existing and deleted templates keep the
            staff's changes.
    """
    for template in templates:
        parse_config(template["default_config"], f"{template['slug']}.default_config")
        made = Template(UUID(new_id()), **template, is_public=True, created_at=now, updated_at=now)
        await queries.insert_template(db, made, None)
