"""How values become colours on a heatmap (web/src/series/heat.ts). Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nowline.model.partials import Floats

# The value that this share of the others does not exceed.
_HIGH_SHARE = 0.98
# Only where the rest would all look alike is the scale cut.
_CUT_ABOVE = 2
# Nothing is not the same as no value: it has a colour, if a faint one.
_LEAST_ALPHA = 0.1


@dataclass(frozen=True, slots=True)
class HeatScale:
    """Faint at `low`, full at `high` and beyond.

    Attributes:
        is_cut: Whether some values are beyond `high`.
    """

    low: float
    high: float
    is_cut: bool

    def alpha(self, values: Floats) -> Floats:
        """How strongly cells of these values are coloured."""
        share = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        found: Floats = _LEAST_ALPHA + (1 - _LEAST_ALPHA) * np.clip(share, 0, 1)
        return found


def heat_scale(values: Floats, low: float | None, high: float | None) -> HeatScale:
    """A scale from the least to the greatest value, cut where a few are far beyond the rest."""
    ordered = np.sort(values)
    bottom = low if low is not None else min(0.0, float(ordered[0]) if len(ordered) else 0.0)
    most = float(ordered[-1]) if len(ordered) else bottom + 1
    usual = float(ordered[int((len(ordered) - 1) * _HIGH_SHARE)]) if len(ordered) else most
    is_far = usual > bottom and most / 2 - bottom / 2 > _CUT_ABOVE * (usual / 2 - bottom / 2)
    top = high if high is not None else usual if is_far else most
    top = top if top > bottom else bottom + max(1.0, abs(bottom))
    return HeatScale(bottom, top, most > top)
