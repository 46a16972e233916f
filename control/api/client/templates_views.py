"""Response models of templates (client API)."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from control.agents.config import AgentConfig
from control.agents.model import Template
from control.http.pagination import ListAnswer
from control.http.schema_of import SchemaOf

PreviewConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in a list."""

    id: UUID
    name: str
    industry: str | None
    description: str


@dataclass(frozen=True, slots=True)
class TemplateList(ListAnswer):
    """A page of templates, by name."""

    templates: list[TemplateLine]


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template. preview_config: the config of an agent created from it. facts_needed: placeholders that config.facts
    must fill."""

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


def to_line(template: Template) -> TemplateLine:
    return TemplateLine(template.id, template.name, template.industry, template.description)
