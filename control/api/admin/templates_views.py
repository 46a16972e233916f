"""Response models of templates (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from control.agents.config import AgentConfig
from control.agents.model import Template
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

ConfigView = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class AdminTemplateLine:
    """A template in a list. usage_count: existing agents that were created from it."""

    id: UUID
    name: str
    industry: str | None
    is_public: bool
    usage_count: int


@dataclass(frozen=True, slots=True)
class AdminTemplateList(ListAnswer):
    """A page of templates, by name."""

    templates: list[AdminTemplateLine]


@dataclass(frozen=True, slots=True)
class AdminTemplateView:
    """A template with all its data. slug: null unless the product ships with it."""

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
class AdminTemplateAnswer:
    """A template."""

    template: AdminTemplateView


def to_line(template: Template) -> AdminTemplateLine:
    return AdminTemplateLine(template.id, template.name, template.industry, template.is_public, template.usage_count)


def to_answer(template: Template) -> AdminTemplateAnswer:
    view = AdminTemplateView(
        id=template.id,
        slug=template.slug,
        name=template.name,
        industry=template.industry,
        description=template.description,
        default_config=dict(template.default_config),
        is_public=template.is_public,
        usage_count=template.usage_count,
        created_at=template.created_at,
        updated_at=template.updated_at,
    )
    return AdminTemplateAnswer(view)
