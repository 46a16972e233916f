"""The staff's routes for the platform's settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from control.http.access import ANY_ADMIN, admin
from control.http.body import Body
from control.http.context import AdminContext
from control.http.route import Route
from control.platform.service import Platform
from shared.errors import Invalid

SETTINGS = "/admin/config/settings"


class SettingChange(Body):
    """A new value of a setting."""

    key: str = Field(max_length=100, description="Name of the setting.", examples=["trial_days"])
    value: Annotated[Any, Field(description="Value of the setting, in the setting's type.", examples=[14])]


class SettingsChange(Body):
    """Changes of settings. Either all of them take effect, or none."""

    settings: list[SettingChange] = Field(min_length=1, max_length=100, description="The settings.")


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting of the platform."""

    key: Annotated[str, Field(description="Name of the setting.", examples=["trial_days"])]
    value: Annotated[Any, Field(description="Value of the setting, in the setting's type.", examples=[14])]
    description: Annotated[
        str, Field(description="Meaning of the setting, with its unit.", examples=["Days of a new workspace's trial."])
    ]
    updated_at: Annotated[
        datetime | None, Field(description="When the setting was last changed (UTC); null if it was never changed.")
    ]


@dataclass(frozen=True, slots=True)
class SettingList:
    """All settings of the platform."""

    settings: Annotated[list[SettingView], Field(description="The settings.")]


async def list_settings(context: AdminContext) -> SettingList:
    """List all settings with their descriptions."""
    settings = await context.services[Platform].settings(context.db)
    return SettingList(
        [SettingView(setting.key, setting.value, setting.description, setting.updated_at) for setting in settings]
    )


async def change_settings(context: AdminContext, body: SettingsChange) -> SettingList:
    """Change all given settings or none. Returns all settings."""
    values = {change.key: change.value for change in body.settings}
    if len(values) < len(body.settings):
        raise Invalid("A setting is listed twice.", param="settings", code="setting_repeated")
    await context.services[Platform].change_settings(context.db, context.actor, values)
    return await list_settings(context)


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", SETTINGS, list_settings, ANY_ADMIN),
    Route(
        "PUT",
        SETTINGS,
        change_settings,
        admin(),
        errors=(
            "409 tier_not_priced",
            "409 tier_unavailable",
            "422 setting_invalid",
            "422 setting_repeated",
            "422 setting_unknown",
            "422 tier_unknown",
        ),
    ),
)
