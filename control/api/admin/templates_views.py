"""Response models of templates (admin API)."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.agents.config import AgentConfig
from control.agents.rules import Template
from control.http.fields import CreatedAt, Id, OptionalIndustry, UpdatedAt
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

ConfigView = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class AdminTemplateLine:
    """A template in a list."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    is_public: Annotated[bool, Field(description="Whether customers may create agents from it.")]
    usage_count: Annotated[int, Field(description="Existing agents that were created from it.", examples=[17])]


@dataclass(frozen=True, slots=True)
class AdminTemplateList(ListAnswer):
    """A page of templates, by name."""

    templates: Annotated[list[AdminTemplateLine], Field(description="The templates.")]


@dataclass(frozen=True, slots=True)
class AdminTemplateView:
    """A template with all its data."""

    id: Id
    slug: Annotated[
        str | None, Field(description="Null unless the product ships with it.", examples=["dental_reception"])
    ]
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str, Field(description="What it is for.", examples=["Answers calls of a dental practice and takes messages."])
    ]
    default_config: Annotated[ConfigView, Field(description="The part of an agent's config that the template sets.")]
    is_public: Annotated[bool, Field(description="Whether customers may create agents from it.")]
    usage_count: Annotated[int, Field(description="Existing agents that were created from it.", examples=[17])]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AdminTemplateAnswer:
    """A template."""

    template: Annotated[AdminTemplateView, Field(description="The template.")]


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
