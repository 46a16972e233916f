"""Agent templates, as customers see them."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, WithJsonSchema

from control.agents.config import SCHEMA_ID
from control.agents.facts import preview
from control.agents.model import Template
from control.http.access import USER
from control.http.context import UserContext
from control.http.page import PageQuery
from control.http.route import Route

PreviewConfig = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "description": f"See {SCHEMA_ID}."})]


class TemplatesQuery(PageQuery):
    """Which templates."""

    industry: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Only those of this industry, such as dental."
    )


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in a list."""

    id: UUID
    name: str
    industry: str | None
    description: str


@dataclass(frozen=True, slots=True)
class TemplateList:
    """A page of templates, by name."""

    templates: list[TemplateLine]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template. preview_config: what an agent made from it begins with. facts_needed: its placeholders to be filled
    by config.facts."""

    id: UUID
    name: str
    industry: str | None
    description: str
    preview_config: PreviewConfig
    facts_needed: list[str]


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """A template."""

    template: TemplateView


async def list_templates(context: UserContext, query: TemplatesQuery) -> TemplateList:
    """The public templates, by name."""
    templates, total = await context.services.templates.public(
        context.db, query.industry, offset=query.offset, limit=query.limit
    )
    return TemplateList([_line(template) for template in templates], total, query.page, query.limit)


async def get_template(context: UserContext, template_id: UUID) -> TemplateAnswer:
    """A public template with the config that an agent made from it begins with."""
    template = await context.services.templates.get_public(context.db, template_id)
    config, needed = preview(template.default_config)
    view = TemplateView(template.id, template.name, template.industry, template.description, config, list(needed))
    return TemplateAnswer(view)


def _line(template: Template) -> TemplateLine:
    return TemplateLine(template.id, template.name, template.industry, template.description)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/templates", list_templates, USER),
    Route("GET", "/templates/{templateId}", get_template, USER),
)
