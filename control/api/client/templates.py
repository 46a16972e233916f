"""Routes of agent templates, for customers."""

from pydantic import Field

from control.agents.plans.placeholders import preview_template
from control.agents.templates.service import Templates
from control.api.client.templates_views import TemplateAnswer, TemplateList, TemplateView, to_line
from control.http.access import user
from control.http.context import UserContext
from control.http.fields import TemplateId
from control.http.pagination import ListQuery, page_fields
from control.http.route import Route


class TemplatesQuery(ListQuery):
    """Filters of the list."""

    industry: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Only templates of this industry, such as dental.",
        examples=["dental"],
    )


async def list_templates(context: UserContext, query: TemplatesQuery) -> TemplateList:
    """The public templates, by name."""
    found = await context.services[Templates].list_public(context.db, query.industry, page=query.request())
    return TemplateList([to_line(template) for template in found.rows], **page_fields(query, found))


async def get_template(context: UserContext, template_id: TemplateId) -> TemplateAnswer:
    """A public template with the config that an agent created from it gets."""
    template = await context.services[Templates].get_public(context.db, template_id)
    config, needed = preview_template(template.default_config)
    view = TemplateView(template.id, template.name, template.industry, template.description, config, list(needed))
    return TemplateAnswer(view)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/templates", list_templates, user("agents:read")),
    Route("GET", "/templates/{templateId}", get_template, user("agents:read")),
)
