"""Dashboards as clients send them, in a request or in a file."""

from __future__ import annotations

import msgspec

from nowline.api.body import decode
from nowline.api.problems import input_error
from nowline.dashboards import exchange
from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Content

JSON = "application/json"
YAML = "application/yaml"
_YAML = (YAML, "application/x-yaml", "text/yaml")


class SentDashboard(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dashboard as a client sends it: what the server adds to one may be sent back with it."""

    id: str | None = None
    owner: str | None = None
    version: int | None = None
    created_at: str | None = None
    updated_at: str | None = None
    can_edit: bool | None = None

    def content(self, dashboard_id: str | None = None) -> Content:
        """What the client decides.

        Raises:
            NowlineError: The id is not that of the path.
        """
        if dashboard_id is not None and self.id not in {None, dashboard_id}:
            raise invalid("id", f"must be that of the path, `{dashboard_id}`, or be left out")
        return Content(**{name: getattr(self, name) for name in Content.__struct_fields__})


def read_dashboard(media_type: str, body: bytes) -> Content:
    """What an exported file says; whether it can be shown is checked by who keeps it.

    Args:
        media_type: JSON's or YAML's.
        body: The file.

    Raises:
        NowlineError: INVALID with the field at fault; TOO_LARGE; UNSUPPORTED: another media type.
    """
    if media_type == JSON:
        return decode(body, SentDashboard).content()
    if media_type not in _YAML:
        detail = "The Content-Type must be application/json or application/yaml."
        raise NowlineError(Code.UNSUPPORTED, detail)
    try:
        return msgspec.convert(exchange.of_yaml(body), SentDashboard).content()
    except msgspec.ValidationError as error:
        raise input_error(error) from error
