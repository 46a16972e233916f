"""Writes the tables of the documentation that repeat what the API declares.

    python -m tools.api_tables

A table is between the lines `<!-- table: NAME, by python -m tools.api_tables -->` and `<!-- end of table -->`.
Routes declare their access, limits and errors (`control/*/routes.py`), `control/platform/rules.py` the staff's
settings, `control/workspaces/settings.py` those of a workspace, and `config/settings.py` the environment variables.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.settings import PREFIX, BackupSettings, ControlSettings, MediaSettings, MigrationSettings
from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.access import AccessKind
from control.http.key_text import SCOPES
from control.http.openapi.document import operation_errors, split_summary, tag
from control.http.route import RateLimit, Route, read_signature
from control.inbound_webhooks.routes import WEBHOOK_ROUTES
from control.platform.rules import REGISTRY
from control.workspaces.settings import SETTINGS as WORKSPACE_SETTINGS

DOCUMENTS: Final = Path(__file__).resolve().parents[1] / "docs"
PAGES: Final = (
    "use/api-keys.md",
    "use/errors.md",
    "use/workspace.md",
    "run/backups.md",
    "run/rate-limits.md",
    "run/settings.md",
    "develop/api-additions.md",
)
_TABLE: Final = re.compile(
    r"(<!-- table: (\S+), by python -m tools\.api_tables -->\n).*?(<!-- end of table -->)", re.DOTALL
)
Row = Sequence[str]


def rewrite(text: str) -> str:
    """Returns a page with all of its tables made again. Raises KeyError for a table of an unknown name."""
    return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def table(heading: Row, rows: Iterable[Row]) -> str:
    """Returns a table of Markdown."""
    lines = (heading, ["---"] * len(heading), *rows)
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def additions() -> str:
    """Returns the routes that the specification lacks, with their summaries."""
    routes = [(f"`{route.method} {route.path}`", _summary(route)) for route in ROUTES if route.beyond_spec]
    webhooks = [
        (f"`{hook.method} {hook.path}`", hook.summary.rstrip(".")) for hook in WEBHOOK_ROUTES if hook.beyond_spec
    ]
    return table(("endpoint", "what it does"), (*routes, *webhooks))


def scopes() -> str:
    """Returns what an API key with each scope reaches, by the least role that its holder needs."""
    return table(("scope", "role", "requests"), _scope_rows())


def _scope_rows() -> Iterator[Row]:
    for scope in SCOPES:
        by_role: dict[str, list[str]] = {}
        for route in ROUTES:
            if route.access.scope == scope:
                by_role.setdefault(route.access.needed if route.access.roles else "viewer", []).append(_short(route))
        for role, requests in sorted(by_role.items()):
            yield f"`{scope}`", role, ", ".join(requests)


def no_key() -> str:
    """Returns the requests for people that no API key reaches, by section."""
    by_section: dict[str, list[str]] = {}
    for route in ROUTES:
        if route.access.kind in (AccessKind.USER, AccessKind.MEMBER) and route.access.scope is None:
            by_section.setdefault(tag(route.path), []).append(_short(route))
    return table(("section", "requests"), ((section, ", ".join(requests)) for section, requests in by_section.items()))


def errors() -> str:
    """Returns every error code with its statuses and meanings."""
    known: dict[tuple[str, int], str] = {}
    for route in ROUTES:
        for error in operation_errors(route, REFERENCE):
            known.setdefault((error.code, error.status), error.text)
    return table(
        ("code", "status", "meaning"),
        ((f"`{code}`", str(status), known[code, status]) for code, status in sorted(known)),
    )


def limits() -> str:
    """Returns the rate limits of routes."""
    rows = ((route, route.limit) for route in ROUTES)
    return table(
        ("limit", "times", "within s", "also per account", "route"),
        ((*_figures(limit), _whom(limit), f"`{route.method} {route.path}`") for route, limit in rows if limit),
    )


def check_limits() -> str:
    """Returns the rate limits of checks at vendors."""
    rows = ((route, route.check_limit) for route in ROUTES)
    return table(
        ("limit of checks", "times", "within s", "route"),
        ((*_figures(limit), f"`{route.method} {route.path}`") for route, limit in rows if limit),
    )


def settings() -> str:
    """Returns the settings of the platform with their defaults."""
    return table(
        ("setting", "at first", "meaning"),
        ((f"`{spec.key}`", f"`{str(spec.default).lower()}`", spec.description) for spec in REGISTRY.values()),
    )


def workspace_settings() -> str:
    """Returns the settings of a workspace and who changes them."""
    return table(
        ("setting", "changed by", "meaning"),
        ((f"`{setting.name}`", setting.changed_by, setting.text) for setting in WORKSPACE_SETTINGS),
    )


def control_settings() -> str:
    """Returns the environment variables of control, those of migrations first."""
    return variables(MigrationSettings.model_fields | ControlSettings.model_fields)


def media_settings() -> str:
    """Returns the environment variables of the media server."""
    return variables(MediaSettings.model_fields)


def backup_settings() -> str:
    """Returns the environment variables of backups."""
    return variables(BackupSettings.model_fields)


def variables(fields: Mapping[str, FieldInfo]) -> str:
    """Returns a table of environment variables with their defaults and meanings."""
    return table(
        ("variable", "default", "meaning"),
        ((f"`{PREFIX}{name.upper()}`", default(field), field.description or "") for name, field in fields.items()),
    )


def default(field: FieldInfo) -> str:
    """Returns the default of a setting as the documents write it."""
    if field.is_required():
        return "required"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value in (None, "", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "additions": additions,
    "scopes": scopes,
    "no-key": no_key,
    "errors": errors,
    "limits": limits,
    "check-limits": check_limits,
    "control-settings": control_settings,
    "media-settings": media_settings,
    "backup-settings": backup_settings,
    "settings": settings,
    "workspace-settings": workspace_settings,
}


def _figures(limit: RateLimit) -> Row:
    return f"`{limit.name}`", str(limit.times), str(limit.per_s)


def _whom(limit: RateLimit) -> str:
    return "yes" if limit.account else "per user" if limit.per_user else ""


def _short(route: Route) -> str:
    return f"`{route.method} {route.path.replace('/workspaces/{workspaceId}', '…')}`"


def _summary(route: Route) -> str:
    return split_summary(read_signature(route).summary)[0]


if __name__ == "__main__":
    for name in PAGES:
        page = DOCUMENTS / name
        page.write_text(rewrite(page.read_text()))
