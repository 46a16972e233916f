"""Agent templates, as the staff keeps them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints, WithJsonSchema

from control.agents.config import PLAIN, SCHEMA_ID
from control.agents.model import Template
from control.agents.templates import NewTemplate
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body
from control.http.context import AdminContext
from control.http.page import PageQuery
from control.http.route import Route

TEMPLATES = "/admin/templates"
TEMPLATE = f"{TEMPLATES}/{{templateId}}"

TemplateName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)]
Industry = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=PLAIN)]
PartialConfig = Annotated[dict[str, Any], Field(description=f"A part of an agent config, see {SCHEMA_ID}.")]
ConfigView = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "description": f"See {SCHEMA_ID}."})]


class NewTemplateBody(Body):
    """A template."""

    name: TemplateName
    industry: Industry | None = Field(None, description="Such as dental or real_estate; null for any.")
    description: Description = ""
    default_config: PartialConfig
    is_public: bool = Field(False, description="Customers may start agents from it.")


class TemplateChange(Body):
    """What shall change; what is left out stays."""

    name: TemplateName = Field("", description="Its new name.")
    industry: Industry | None = Field(None, description="null: for any industry.")
    description: Description = ""
    default_config: PartialConfig = Field({}, description=f"Replaces the one that is there; see {SCHEMA_ID}.")
    is_public: bool = Field(False, description="Customers may start agents from it.")


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in a list. usage_count: agents that started from it and are still there."""

    id: UUID
    name: str
    industry: str | None
    is_public: bool
    usage_count: int


@dataclass(frozen=True, slots=True)
class TemplateList:
    """A page of templates, by name."""

    templates: list[TemplateLine]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template, whole. slug: of those that the product ships with."""

    id: UUID
    slug: str | None
    name: str
    industry: str | None
    description: str
    default_config: ConfigView
    is_public: bool
    usage_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """A template."""

    template: TemplateView


async def list_templates(context: AdminContext, query: PageQuery) -> TemplateList:
    """All templates, by name."""
    templates, total = await context.services.templates.all(context.db, offset=query.offset, limit=query.limit)
    return TemplateList([_line(template) for template in templates], total, query.page, query.limit)


async def create_template(context: AdminContext, body: NewTemplateBody) -> TemplateAnswer:
    """Makes a template."""
    new = NewTemplate(**dict(body))
    return _answer(await context.services.templates.create(context.db, context.actor, new, context.now))


async def get_template(context: AdminContext, template_id: UUID) -> TemplateAnswer:
    """A template, public or not."""
    return _answer(await context.services.templates.get(context.db, template_id))


async def update_template(context: AdminContext, template_id: UUID, body: TemplateChange) -> TemplateAnswer:
    """Changes a template; agents made from it stay as they are."""
    changes = body.model_dump(exclude_unset=True)
    templates = context.services.templates
    return _answer(await templates.update(context.db, context.actor, template_id, changes, context.now))


async def delete_template(context: AdminContext, template_id: UUID) -> None:
    """Deletes a template; agents made from it go on."""
    await context.services.templates.delete(context.db, context.actor, template_id, context.now)


def _line(template: Template) -> TemplateLine:
    return TemplateLine(template.id, template.name, template.industry, template.is_public, template.usage_count)


def _answer(template: Template) -> TemplateAnswer:
    view = TemplateView(
        template.id, template.slug, template.name, template.industry, template.description,
        dict(template.default_config), template.is_public, template.usage_count, template.created_at,
        template.updated_at,
    )  # fmt: skip
    return TemplateAnswer(view)


ROUTES: tuple[Route, ...] = (
    Route("GET", TEMPLATES, list_templates, ANY_ADMIN),
    Route("POST", TEMPLATES, create_template, admin("support"), status=201, idempotent=True),
    Route("GET", TEMPLATE, get_template, ANY_ADMIN),
    Route("PUT", TEMPLATE, update_template, admin("support")),
    Route("DELETE", TEMPLATE, delete_template, admin("support")),
)
