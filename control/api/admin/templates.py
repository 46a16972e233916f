"""Routes of agent templates, for the staff."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from control.agents.config import AgentConfig
from control.agents.config_parts import PLAIN
from control.agents.templates.service import NewTemplate, Templates
from control.api.admin.templates_views import AdminTemplateAnswer, AdminTemplateList, to_answer, to_line
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, ChangeBody, Slug
from control.http.context import AdminContext
from control.http.fields import TemplateId
from control.http.pagination import ListQuery, page_fields
from control.http.route import Route
from control.http.schema_of import SchemaOf

TEMPLATES = "/admin/templates"
TEMPLATE = f"{TEMPLATES}/{{templateId}}"

TemplateName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=PLAIN)]
PartialConfig = Annotated[dict[str, Any], SchemaOf(AgentConfig), Field(description="A part of an agent config.")]


class NewTemplateBody(Body):
    """A template."""

    name: Annotated[TemplateName, Field(description="Name of the template.", examples=["Dental reception"])]
    industry: Slug | None = Field(
        None, description="Such as dental or real_estate; null for all industries.", examples=["dental"]
    )
    description: Annotated[
        Description,
        Field(description="What it is for.", examples=["Answers calls of a dental practice and takes messages."]),
    ] = ""
    default_config: PartialConfig
    is_public: bool = Field(False, description="Whether customers may create agents from it.")


class TemplateChange(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: TemplateName = Field("", description="The new name.", examples=["Dental reception"])
    industry: Slug | None = Field(None, description="null for all industries.", examples=["dental"])
    description: Annotated[
        Description,
        Field(description="What it is for.", examples=["Answers calls of a dental practice and takes messages."]),
    ] = ""
    default_config: PartialConfig = Field({}, description="Replaces the present config.")
    is_public: bool = Field(False, description="Whether customers may create agents from it.")


async def list_templates(context: AdminContext, query: ListQuery) -> AdminTemplateList:
    """All templates, by name."""
    found = await context.services[Templates].list_all(context.db, page=query.request())
    return AdminTemplateList([to_line(template) for template in found.rows], **page_fields(query, found))


async def create_template(context: AdminContext, body: NewTemplateBody) -> AdminTemplateAnswer:
    """Creates a template."""
    new = NewTemplate(**dict(body))
    return to_answer(await context.services[Templates].create(context.db, context.actor, new, context.now))


async def get_template(context: AdminContext, template_id: TemplateId) -> AdminTemplateAnswer:
    """A template, public or not."""
    return to_answer(await context.services[Templates].get(context.db, template_id))


async def update_template(context: AdminContext, template_id: TemplateId, body: TemplateChange) -> AdminTemplateAnswer:
    """Changes a template. Agents created from it stay unchanged."""
    changes = body.model_dump(exclude_unset=True)
    templates = context.services[Templates]
    return to_answer(await templates.update(context.db, context.actor, template_id, changes, context.now))


async def delete_template(context: AdminContext, template_id: TemplateId) -> None:
    """Deletes a template. Agents created from it stay unchanged."""
    await context.services[Templates].delete(context.db, context.actor, template_id, context.now)


ROUTES: tuple[Route, ...] = (
    Route("GET", TEMPLATES, list_templates, ANY_ADMIN),
    Route("POST", TEMPLATES, create_template, admin("support"), status=201, idempotent=True),
    Route("GET", TEMPLATE, get_template, ANY_ADMIN),
    Route("PUT", TEMPLATE, update_template, admin("support")),
    Route("DELETE", TEMPLATE, delete_template, admin("support")),
)
