"""Routes of agent templates: customers read them, and staff edit them."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from control.agents.config import AgentConfig
from control.agents.plans.placeholders import preview_template
from control.agents.rules import Template
from control.agents.templates.service import NewTemplate, Templates
from control.http.access import ANY_ADMIN, admin, user
from control.http.body import PLAIN, Body, ChangeBody, Slug
from control.http.context import AdminContext, UserContext
from control.http.fields import CreatedAt, Id, OptionalIndustry, TemplateId, UpdatedAt
from control.http.openapi.schema_of import SchemaOf
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import Route

PreviewConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A public template in a list."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str,
        Field(
            description="Purpose of the template.", examples=["Answers calls of a dental practice and takes messages."]
        ),
    ]


@dataclass(frozen=True, slots=True)
class TemplateList(ListAnswer):
    """A page of public templates, by name."""

    templates: Annotated[list[TemplateLine], Field(description="The templates.")]


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A public template with its config."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str,
        Field(
            description="Purpose of the template.", examples=["Answers calls of a dental practice and takes messages."]
        ),
    ]
    preview_config: Annotated[PreviewConfig, Field(description="The config of an agent created from it.")]
    facts_needed: Annotated[
        list[str], Field(description="Placeholders that `config.facts` must fill.", examples=[["business_name"]])
    ]


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """A public template."""

    template: Annotated[TemplateView, Field(description="The template.")]


def to_line(template: Template) -> TemplateLine:
    return TemplateLine(template.id, template.name, template.industry, template.description)


class TemplatesQuery(ListQuery):
    """Filters for the list of templates."""

    industry: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Return only templates of this industry, such as `dental`.",
        examples=["dental"],
    )


async def list_templates(context: UserContext, query: TemplatesQuery) -> TemplateList:
    """List the public templates, by name."""
    found = await context.services[Templates].list_public(context.db, query.industry, page=query.request())
    return TemplateList([to_line(template) for template in found.rows], **page_fields(query, found))


async def get_template(context: UserContext, template_id: TemplateId) -> TemplateAnswer:
    """Return a public template with the config of an agent created from it."""
    template = await context.services[Templates].get_public(context.db, template_id)
    config, needed = preview_template(template.default_config)
    view = TemplateView(template.id, template.name, template.industry, template.description, config, list(needed))
    return TemplateAnswer(view)


# Errors that several operations return.
_TEMPLATE_CONFIG_ERRORS: Final = ("422 provider_unknown", "422 too_long", "422 language_unsupported")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/templates", list_templates, user("agents:read")),
    Route("GET", "/templates/{templateId}", get_template, user("agents:read"), errors=("404 template_not_found",)),
)


ConfigView = Annotated[dict[str, Any], SchemaOf(AgentConfig)]


@dataclass(frozen=True, slots=True)
class AdminTemplateLine:
    """A template in the staff's list."""

    id: Id
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    is_public: Annotated[bool, Field(description="Whether customers can create agents from the template.")]
    usage_count: Annotated[
        int, Field(description="Number of existing agents that were created from the template.", examples=[17])
    ]


@dataclass(frozen=True, slots=True)
class AdminTemplateList(ListAnswer):
    """A page of templates, by name."""

    templates: Annotated[list[AdminTemplateLine], Field(description="The templates.")]


@dataclass(frozen=True, slots=True)
class AdminTemplateView:
    """A template with all its data, for staff."""

    id: Id
    slug: Annotated[
        str | None,
        Field(
            description="Stable name of a template that the product ships with; null for other templates.",
            examples=["dental_reception"],
        ),
    ]
    name: Annotated[str, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: OptionalIndustry
    description: Annotated[
        str,
        Field(
            description="Purpose of the template.", examples=["Answers calls of a dental practice and takes messages."]
        ),
    ]
    default_config: Annotated[ConfigView, Field(description="The part of an agent's config that the template sets.")]
    is_public: Annotated[bool, Field(description="Whether customers can create agents from the template.")]
    usage_count: Annotated[
        int, Field(description="Number of existing agents that were created from the template.", examples=[17])
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AdminTemplateAnswer:
    """A template, for staff."""

    template: Annotated[AdminTemplateView, Field(description="The template.")]


def to_admin_line(template: Template) -> AdminTemplateLine:
    return AdminTemplateLine(template.id, template.name, template.industry, template.is_public, template.usage_count)


def to_admin_answer(template: Template) -> AdminTemplateAnswer:
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


ADMIN_TEMPLATES = "/admin/templates"
ADMIN_TEMPLATE = f"{ADMIN_TEMPLATES}/{{templateId}}"

TemplateName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=PLAIN)]
PartialConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig), Field(description="A part of an agent config.")]


class NewTemplateBody(Body):
    """A template to create."""

    name: Annotated[TemplateName, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: Slug | None = Field(
        None, description="Industry, such as `dental` or `real_estate`; null for all industries.", examples=["dental"]
    )
    description: Annotated[
        Description,
        Field(
            description="Purpose of the template.", examples=["Answers calls of a dental practice and takes messages."]
        ),
    ] = ""
    default_config: PartialConfig
    is_public: bool = Field(False, description="Whether customers can create agents from the template.")


class TemplateChange(ChangeBody):
    """Changes to a template. Omitted fields stay unchanged."""

    name: TemplateName = Field("", description="The new name.", examples=["Dental reception"])
    industry: Slug | None = Field(None, description="Industry; null for all industries.", examples=["dental"])
    description: Annotated[
        Description,
        Field(
            description="Purpose of the template.", examples=["Answers calls of a dental practice and takes messages."]
        ),
    ] = ""
    default_config: PartialConfig = Field({}, description="Replaces the current config.")
    is_public: bool = Field(False, description="Whether customers can create agents from the template.")


async def admin_list_templates(context: AdminContext, query: ListQuery) -> AdminTemplateList:
    """List all templates, by name."""
    found = await context.services[Templates].list_all(context.db, page=query.request())
    return AdminTemplateList([to_admin_line(template) for template in found.rows], **page_fields(query, found))


async def create_template(context: AdminContext, body: NewTemplateBody) -> AdminTemplateAnswer:
    """Create an agent template."""
    new = NewTemplate(**dict(body))
    return to_admin_answer(await context.services[Templates].create(context.db, context.actor, new, context.now))


async def admin_get_template(context: AdminContext, template_id: TemplateId) -> AdminTemplateAnswer:
    """Return a template, public or not."""
    return to_admin_answer(await context.services[Templates].get(context.db, template_id))


async def update_template(context: AdminContext, template_id: TemplateId, body: TemplateChange) -> AdminTemplateAnswer:
    """Change a template. Agents created from it stay unchanged."""
    changes = body.model_dump(exclude_unset=True)
    templates = context.services[Templates]
    return to_admin_answer(await templates.update(context.db, context.actor, template_id, changes, context.now))


async def delete_template(context: AdminContext, template_id: TemplateId) -> None:
    """Delete a template. Agents created from it stay unchanged."""
    await context.services[Templates].delete(context.db, context.actor, template_id, context.now)


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", ADMIN_TEMPLATES, admin_list_templates, ANY_ADMIN),
    Route(
        "POST",
        ADMIN_TEMPLATES,
        create_template,
        admin("support"),
        status=201,
        idempotent=True,
        errors=_TEMPLATE_CONFIG_ERRORS,
    ),
    Route("GET", ADMIN_TEMPLATE, admin_get_template, ANY_ADMIN, errors=("404 template_not_found",)),
    Route(
        "PUT",
        ADMIN_TEMPLATE,
        update_template,
        admin("support"),
        errors=("404 template_not_found", *_TEMPLATE_CONFIG_ERRORS),
    ),
    Route("DELETE", ADMIN_TEMPLATE, delete_template, admin("support"), errors=("404 template_not_found",)),
)
