"""The colours of the page (web/src/ui/tokens.css), opaque: a file has nothing below it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.model.sheet import Theme


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour of a theme, as `#rrggbb`."""

    background: str
    surface: str
    hover: str
    hairline: str
    grid: str
    edge: str
    text: str
    muted: str
    accent: str
    good: str
    warning: str
    bad: str
    info: str
    series: tuple[str, ...]

    def tone(self, tone: str) -> str:
        """The colour of a threshold's tone."""
        return {"good": self.good, "info": self.info, "bad": self.bad}.get(tone, self.warning)

    def of_slot(self, slot: int) -> str:
        """The colour of a series; what is none of them is grey."""
        return self.edge if slot < 0 else self.series[slot % len(self.series)]


_LIGHT = Colours(
    background="#f4f5f8",
    surface="#ffffff",
    hover="#eceef3",
    hairline="#e2e3e5",
    grid="#eeeff0",
    edge="#868d9c",
    text="#12151d",
    muted="#464c59",
    accent="#4338ca",
    good="#0f6b3f",
    warning="#8a4b00",
    bad="#b3152f",
    info="#0b5aa8",
    series=(
        "#1168b8",
        "#b85c00",
        "#00795a",
        "#a8397f",
        "#5046d8",
        "#857000",
        "#c0341d",
        "#59616f",
    ),
)
_DARK = Colours(
    background="#0b0d12",
    surface="#12151c",
    hover="#1c212c",
    hairline="#25282e",
    grid="#1e2127",
    edge="#6b7384",
    text="#eef1f7",
    muted="#a9b1c0",
    accent="#949bff",
    good="#3ddc97",
    warning="#f5b84b",
    bad="#ff7a85",
    info="#6cb8ff",
    series=(
        "#58b4f5",
        "#f0a132",
        "#2cc298",
        "#e38fc4",
        "#8f8cff",
        "#ecdf57",
        "#ff8364",
        "#b3bac6",
    ),
)


def colours_of(theme: Theme) -> Colours:
    """The colours of a theme."""
    return _DARK if theme is Theme.DARK else _LIGHT


def mixed(colour: str, below: str, alpha: float) -> str:
    """What a see-through colour looks like on another."""
    pairs = zip(_channels(colour), _channels(below), strict=True)
    return "#" + "".join(
        f"{round(alpha * over + (1 - alpha) * under):02x}" for over, under in pairs
    )


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
