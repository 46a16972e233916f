"""Response models of templates (client API)."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.agents.config import AgentConfig
from control.agents.rules import Template
from control.http.fields import Id, OptionalIndustry
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

PreviewConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in a list."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str, Field(description="What it is for.", examples=["Answers calls of a dental practice and takes messages."])
    ]


@dataclass(frozen=True, slots=True)
class TemplateList(ListAnswer):
    """A page of templates, by name."""

    templates: Annotated[list[TemplateLine], Field(description="The templates.")]


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str, Field(description="What it is for.", examples=["Answers calls of a dental practice and takes messages."])
    ]
    preview_config: Annotated[PreviewConfig, Field(description="The config of an agent created from it.")]
    facts_needed: Annotated[
        list[str], Field(description="Placeholders that config.facts must fill.", examples=[["business_name"]])
    ]


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """A template."""

    template: Annotated[TemplateView, Field(description="The template.")]


def to_line(template: Template) -> TemplateLine:
    return TemplateLine(template.id, template.name, template.industry, template.description)
