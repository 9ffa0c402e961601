"""The built-in dashboards."""

from __future__ import annotations

from importlib import resources

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Widget


class TemplateSummary(msgspec.Struct, frozen=True):
    """A built-in dashboard by name."""

    id: str
    name: str
    description: str


class Template(TemplateSummary, frozen=True, forbid_unknown_fields=True):
    """A built-in dashboard with its widgets."""

    widgets: list[Widget]


class TemplateList(msgspec.Struct, frozen=True):
    """All built-in dashboards."""

    templates: list[TemplateSummary]


Templates = dict[str, Template]


def load() -> Templates:
    """Read the templates that come with the package."""
    folder = resources.files("nowline.api") / "templates"
    files = (file for file in folder.iterdir() if file.name.endswith(".json"))
    decoded = (msgspec.json.decode(file.read_bytes(), type=Template) for file in files)
    return {template.id: template for template in sorted(decoded, key=lambda each: each.id)}


@get("/api/v1/templates", opt={"action": Action.READ}, tags=["dashboards"])
async def template_list(templates: NamedDependency[Templates]) -> TemplateList:
    """List the built-in dashboards."""
    return TemplateList([TemplateSummary(t.id, t.name, t.description) for t in templates.values()])


@get("/api/v1/templates/{template_id:str}", opt={"action": Action.READ}, tags=["dashboards"])
async def template(templates: NamedDependency[Templates], template_id: FromPath[str]) -> Template:
    """Get a built-in dashboard with its widgets."""
    return find_template(templates, template_id)


def find_template(templates: Templates, template_id: str) -> Template:
    """The template with this id.

    Raises:
        NowlineError: NOT_FOUND.
    """
    found = templates.get(template_id)
    if found is None:
        raise NowlineError(Code.NOT_FOUND, f"There is no template `{template_id}`.")
    return found


routes = [template_list, template]
