"""The newest events (web/src/features/activity/{event.ts,Event.svelte})."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from nowline.model.event import API_CALL, Event
from nowline.render.geometry import Box
from nowline.render.panel import SMALL, STRONG, Panel, more, note
from nowline.render.scales import local
from nowline.render.units import text_of

_ROW: Final = 44
_TILE: Final = 28
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_SHOUTED: Final = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")


class Kind(NamedTuple):
    """How an event is named and marked."""

    name: str
    sign: str
    tone: str = ""


_KINDS: Final = {
    "USER_LOGIN": Kind("Login", "→", "good"),
    "USER_LOGOUT": Kind("Logout", "←"),
    "USER_REGISTERED": Kind("Registration", "+", "good"),
    "PRODUCT_CREATED": Kind("Product created", "◆", "info"),
    "PRODUCT_UPDATED": Kind("Product updated", "◆", "info"),
    "PRODUCT_DELETED": Kind("Product deleted", "◆", "warning"),
    "API_CALL": Kind("API call", "⇄"),
    "PAGE_VIEW": Kind("Page view", "▤"),
    "FEATURE_USED": Kind("Feature used", "★", "info"),
    "ERROR": Kind("Error", "!", "bad"),
    "TASK_FAILED": Kind("Task failed", "!", "bad"),
}


def draw(panel: Panel, box: Box, events: Sequence[Event]) -> None:
    """As many of the newest events as there is room for."""
    if not events:
        note(panel.canvas, box, "No events in this span of time.", panel.colours.muted)
        return
    room = max(1, int(box.h // _ROW))
    for at, event in enumerate(events[:room]):
        _draw_event(panel, Box(box.x, box.y + at * _ROW, box.w, _ROW), event)
    rest = box.inset(0, room * _ROW, 0, 0)
    if len(events) > room and rest.h >= 16:
        more(panel, rest, len(events) - room)


def kind_of(event: Event) -> Kind:
    """How an event is named and marked; a call that the server failed at is marked as an error."""
    known = _KINDS.get(event.event_type)
    if known is None:
        return Kind(_in_words(event.event_type), "•")
    status = event.status if event.event_type == API_CALL else None
    if status is None or status < _CLIENT_ERROR:
        return known
    return (
        known._replace(tone="warning")
        if status < _SERVER_ERROR
        else Kind("API call failed", "!", "bad")
    )


def details(event: Event) -> str:
    """What happened to what, as far as the metadata of the usual names tell."""
    data = _metadata(event)
    call = " ".join(filter(None, (_text(data.get("method")), _text(data.get("endpoint")))))
    duration = data.get("duration_ms")
    parts = [
        call,
        _text(data.get("status")),
        text_of(float(duration), "ms") if isinstance(duration, int | float) else "",
        _text(data.get("feature")).replace("_", " "),
        *(_text(data.get(name)) for name in ("page", "task_type", "error_message", "details")),
    ]
    return " · ".join(filter(None, parts)) or event.session_id or ""


def _draw_event(panel: Panel, box: Box, event: Event) -> None:
    canvas, colours, kind = panel.canvas, panel.colours, kind_of(event)
    colour = colours.tone(kind.tone) if kind.tone else colours.muted
    tile = Box(box.x, box.y + 6, _TILE, _TILE)
    canvas.box(tile, colours.hover, radius=6)
    canvas.text(tile.x + _TILE / 2, tile.y + 18, kind.sign, STRONG, colour, "center")
    left, upper, lower = box.x + _TILE + 8, box.y + 18, box.y + 35
    when = f"{local(event.time, panel.zone):%H:%M:%S}"
    canvas.text(box.right, upper, when, SMALL, colours.muted, "right")
    room = box.right - SMALL.width(when) - 8 - left
    name = STRONG.fit(kind.name, room)
    canvas.text(left, upper, name, STRONG, colours.text)
    who = " · ".join(filter(None, (event.user_id, event.organization_id)))
    used = STRONG.width(name) + 8
    canvas.text(left + used, upper, SMALL.fit(who, room - used), SMALL, colours.muted)
    text = SMALL.fit(details(event), box.right - left)
    canvas.text(left, lower, text, SMALL, colours.bad if kind.tone == "bad" else colours.muted)


def _in_words(name: str) -> str:
    """`COUPON_REDEEMED` as `Coupon redeemed`; names in other manners stay as they are."""
    return name.replace("_", " ").capitalize() if _SHOUTED.fullmatch(name) else name


def _metadata(event: Event) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(event.metadata)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)
