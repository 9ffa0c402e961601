"""Files of dashboards: what they say, how they look, and that nothing keeps them from being."""

from __future__ import annotations

import io
import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Position
from nowline.model.partials import Floats
from nowline.model.sheet import Drawn, Look, Sheet, Shown, Theme
from nowline.render.canvas import Canvas, drawing, pdf
from nowline.render.document import render
from nowline.render.drawing import Palette
from nowline.render.geometry import Box
from nowline.render.layout import place_of
from nowline.render.theme import colours_of
from nowline.render.widget import draw_widget
from sheets import BUCKET, NOW, events, rows, sheet, waves, widget

PNG = Look(Drawn.PNG, width=800, scale=1)


def pages(drawn: Sheet) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(render(drawn))).pages]


def text(drawn: Sheet) -> str:
    return "\n".join(pages(drawn))


def pixels(drawn: Sheet) -> Floats:
    image = Image.open(io.BytesIO(render(drawn))).convert("RGB")
    return np.asarray(image, np.float64)


def colours(region: Floats) -> set[tuple[int, ...]]:
    return {tuple(map(int, each)) for each in region.reshape(-1, 3)}


def test_a_pdf_says_what_it_is_of_and_when() -> None:
    drawn = sheet(
        Shown(widget("chart", {"subtitle": "each second"}), [rows({"": [1, 2, 3]})]),
        name="Shop & <b>",
        description="All that is sold",
        filters={"region": ["eu", "us"]},
    )
    said = text(drawn)
    for words in (
        "Shop & <b>",
        "All that is sold",
        "Only region: eu, us",
        "Last hour, to 21 Sep 2026, 16:13",
        "Made 21 Sep 2026, 16:13:20 · Europe/Berlin",
        "Requests",
        "each second",
        "1 of 1",
        "Nowline",
    ):
        assert words in said, words


def test_a_pdf_is_a4_and_has_a_title_and_a_date() -> None:
    reader = PdfReader(io.BytesIO(render(sheet(name="Shop"))))
    (page,) = reader.pages
    assert [round(float(each)) for each in page.mediabox[2:]] == [842, 595]
    assert reader.metadata is not None
    assert reader.metadata.title == "Shop"
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.timestamp() * 1000 == NOW


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (NOW - 300_000, NOW, "Last 5 minutes, to 21 Sep 2026, 16:13"),
        (NOW - 86_400_000, NOW, "Last 24 hours, to"),
        (NOW - 7 * 86_400_000, NOW, "Last 7 days, to"),
        (NOW - 7_200_000, NOW - 3_600_000, "21 Sep 2026, 14:13 to 15:13"),
        (NOW - 10**9, NOW - 3_600_000, "10 Sep 2026, 02:26 to 21 Sep 2026, 15:13"),
    ],
)
def test_the_range_is_told_in_words(start: int, end: int, words: str) -> None:
    assert words in text(sheet(start=start, end=end))


def test_a_chart_has_its_axes_thresholds_and_legend() -> None:
    config = {"unit": "ms", "thresholds": [{"value": 80, "label": "too slow", "tone": "bad"}]}
    said = text(sheet(Shown(widget("chart", config), [rows(waves(2))])))
    for words in ("host-0", "host-1", "too slow", "100 ms", "15:30", "16:00"):
        assert words in said, words


def test_a_chart_of_one_series_says_its_state() -> None:
    config = {"limit": 100, "thresholds": [{"value": 0.8, "of": "limit", "label": "80%"}]}
    said = text(sheet(Shown(widget("chart", config), [rows({"": [50, 90]})])))
    for words in ("90", "90% of 100", "▲ above 80%"):
        assert words in said, words


def test_many_series_are_listed_as_far_as_there_is_room() -> None:
    said = text(sheet(Shown(widget("chart", {}), [rows(waves(100))])))
    assert "more series" in said


def test_a_card_has_its_number_and_its_change() -> None:
    config = {"reduce": "sum", "over": "1m", "good": "up"}
    values = [10.0] * 6 + [20.0] * 6
    card = Shown(widget("metric", config, position=Position(0, 0, 3, 2)), [rows({"": values})])
    said = text(sheet(card))
    for words in ("120", "▲ +100%", "in 1 min"):
        assert words in said, words


def test_a_table_says_how_many_rows_it_leaves_out() -> None:
    table = Shown(widget("table", {"unit": "bytes"}), [rows({f"h{i}": [i] for i in range(40)})])
    said = text(sheet(table))
    assert "39 B" in said
    assert "h39" in said
    assert "h1\n" not in said
    assert "more" in said


def test_a_pie_has_shares_and_a_sum() -> None:
    pie = Shown(widget("chart", {"chart": "pie", "donut": True}), [rows({"a": [75], "b": [25]})])
    said = text(sheet(pie))
    for words in ("75%", "25%", "100"):
        assert words in said, words


def test_a_gauge_has_its_value_and_its_ends() -> None:
    gauge = Shown(widget("chart", {"chart": "gauge", "unit": "percent"}), [rows({"": [42]})])
    said = text(sheet(gauge))
    for words in ("42", "0%", "100%"):
        assert words in said, words


def test_a_heatmap_has_its_rows_and_its_scale() -> None:
    heat = Shown(widget("chart", {"chart": "heatmap", "unit": "ms"}), [rows(waves(3))])
    said = text(sheet(heat))
    for words in ("host-0", "host-2", "0 ms", "90 ms"):
        assert words in said, words


def test_bars_by_group_have_names_and_values() -> None:
    bars = Shown(widget("chart", {"chart": "bar", "by": "group"}), [rows({"a": [7], "b": [9]})])
    said = text(sheet(bars))
    for words in ("a", "7", "b", "9"):
        assert words in said, words


def test_a_feed_has_the_newest_events() -> None:
    said = text(sheet(Shown(widget("feed", {}), events=events(30))))
    for words in ("Login", "user-0 · acme", "API call failed", "GET /orders · 500", "16:13:20"):
        assert words in said, words
    assert "user-29" not in said


def test_a_note_is_written_plainly() -> None:
    note = "# Runbook\n\nCall **Ada** at [the wiki](https://a.example) now.\n\n- one\n\n<script>x"
    said = text(sheet(Shown(widget("text", {"text": note}))))
    for words in ("Runbook", "Ada", "the wiki", "•", "one", "<script>x"):
        assert words in said, words
    assert "**" not in said
    assert "https://a.example" not in said


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Shown(widget("chart", {}), problem="The store is closed."), "The store is closed."),
        (Shown(widget("chart", {}), [rows({})]), "No data in this span of time."),
        (Shown(widget("chart", {}), [rows({"": [math.nan]})]), "No data in this span of time."),
        (Shown(widget("alert", {})), "cannot show a widget of the kind “alert”"),
        (Shown(widget("chart", {"chart": "x"}), [rows({"": [1]})]), "the kind “chart: x”"),
        (Shown(widget("feed", {})), "No events in this span of time."),
    ],
)
def test_what_cannot_be_shown_says_so_beside_what_can(shown: Shown, words: str) -> None:
    good = Shown(widget("metric", {}, id="b", position=Position(6, 0, 6, 4)), [rows({"": [42]})])
    said = " ".join(text(sheet(shown, good)).split())
    assert words in said
    assert "42" in said


def test_what_breaks_does_not_break_the_file(caplog: pytest.LogCaptureFixture) -> None:
    broken = rows({"": [1]})
    broken = type(broken)(broken.tags, broken.group, b"odd", broken.value, BUCKET, NOW - 1, NOW)
    good = Shown(widget("metric", {}, id="b", position=Position(6, 0, 6, 4)), [rows({"": [42]})])
    said = " ".join(text(sheet(Shown(widget("chart", {}), [broken]), good)).split())
    assert "This widget could not be drawn." in said
    assert "42" in said
    assert "could not be drawn" in caplog.text


def test_texts_have_no_meaning_of_their_own() -> None:
    name = r"$\alpha$ & \frac{1}{2} 100% #1 _x_ ^2"
    said = text(sheet(Shown(widget("chart", {}, title=name), [rows({name: [1]})]), name=name))
    assert said.count(name) >= 2


def test_any_script_is_drawn() -> None:
    name = "Ümlaut 日本語 😀 שלום مرحبا \u200d \x07 \ufeff"
    assert "Ümlaut" in text(sheet(Shown(widget("chart", {}, title=name)), name=name))


def test_an_empty_dashboard_is_a_page_that_says_so() -> None:
    (said,) = pages(sheet())
    assert "Nothing stands on this dashboard yet." in said


def test_widgets_are_spread_over_numbered_pages() -> None:
    many = [
        Shown(
            widget("metric", {}, id=f"w{at}", position=Position(at % 4 * 3, at // 4 * 2, 3, 2)),
            [rows({"": [at]})],
        )
        for at in range(60)
    ]
    found = pages(sheet(*many))
    assert len(found) == 3
    assert [f"{number} of 3" in said for number, said in enumerate(found, 1)] == [True] * 3
    assert sum(said.count("Requests") for said in found) == 60


def test_a_picture_is_as_wide_and_sharp_as_is_asked() -> None:
    picture = Image.open(io.BytesIO(render(sheet(look=Look(Drawn.PNG, width=700, scale=2)))))
    assert picture.width == 1400
    assert picture.info["Title"] == "Shop"


def test_a_picture_too_large_is_refused() -> None:
    tall = widget("chart", {}, position=Position(0, 0, 12, 100))
    shown = [
        Shown(tall),
        Shown(widget("chart", {}, id="b", position=Position(0, 100, 12, 100))),
    ]
    with pytest.raises(NowlineError) as refused:
        render(sheet(*shown, look=Look(Drawn.PNG, width=3840, scale=4)))
    assert refused.value.code is Code.UNPROCESSABLE


def test_a_line_is_drawn_in_its_colour_and_its_gap_is_not() -> None:
    values = [5.0] * 100 + [math.nan] * 160 + [5.0] * 100
    chart = Shown(
        widget("chart", {"max": 10, "min": 0}, position=Position(0, 0, 12, 6)),
        [rows({"": values})],
    )
    seen = pixels(sheet(chart, look=Look(Drawn.PNG, width=800, scale=2)))
    line = np.all(np.abs(seen - (0x11, 0x68, 0xB8)) < 40, axis=2)
    columns = np.flatnonzero(line.any(axis=0))
    width = seen.shape[1]
    assert len(columns) > width * 0.3
    assert not line[:, int(width * 0.45) : int(width * 0.55)].any()


@pytest.mark.parametrize("config", [{}, {"chart": "area"}, {"chart": "area", "stack": True}])
def test_a_point_alone_is_a_dot(config: dict[str, object]) -> None:
    values = [math.nan] * 180 + [5.0] + [math.nan] * 179
    chart = Shown(
        widget("chart", {"max": 10, "min": 0, **config}, position=Position(0, 0, 12, 6)),
        [rows({"": values})],
    )
    seen = pixels(sheet(chart, look=Look(Drawn.PNG, width=800, scale=2)))
    dot = np.all(np.abs(seen - (0x11, 0x68, 0xB8)) < 40, axis=2)
    width = seen.shape[1]
    assert dot[:, int(width * 0.4) : int(width * 0.6)].sum() > 20


def test_the_dark_theme_is_dark() -> None:
    chart = Shown(widget("chart", {}), [rows(waves(2))])
    light = pixels(sheet(chart, look=PNG))
    dark = pixels(sheet(chart, look=Look(Drawn.PNG, Theme.DARK, 800, 1)))
    assert light.mean() > 200
    assert dark.mean() < 60


@pytest.mark.parametrize("kind", ["line", "area", "bar", "pie", "gauge", "heatmap"])
def test_every_chart_fills_its_place(kind: str) -> None:
    chart = Shown(
        widget("chart", {"chart": kind, "stack": True}, position=Position(0, 0, 12, 5)),
        [rows(waves(3))],
    )
    seen = pixels(sheet(chart, look=PNG))
    body = seen[110:380, 40:760]
    assert len(colours(body)) > 20


FLOATS = st.one_of(
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan]),
)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "chart": st.sampled_from(["line", "area", "bar", "pie", "heatmap", "gauge", 3]),
        "by": st.sampled_from(["group", "time"]),
        "stack": st.booleans(),
        "donut": st.booleans(),
        "zero_fill": st.booleans(),
        "per_second": st.booleans(),
        "unit": st.sampled_from(["bytes", "ms", "percent", "EUR", "x", None]),
        "decimals": st.one_of(st.integers(), st.floats(), st.none()),
        "reduce": st.sampled_from(["sum", "avg", "last"]),
        "over": st.sampled_from(["1s", "5m", "9999d", "x"]),
        "rolling": st.sampled_from(["1s", "1m", "1d"]),
        "min": st.one_of(FLOATS, st.text()),
        "max": FLOATS,
        "limit": FLOATS,
        "good": st.sampled_from(["up", "down"]),
        "subtitle": st.text(),
        "text": st.text(),
        "thresholds": st.lists(
            st.fixed_dictionaries(
                {"value": FLOATS},
                optional={
                    "of": st.sampled_from(["limit", "baseline"]),
                    "when": st.just("below"),
                    "label": st.text(),
                    "tone": st.sampled_from(["bad", "good", "odd"]),
                },
            ),
            max_size=3,
        ),
    },
)


@st.composite
def shown_widgets(draw: st.DrawFn) -> Shown:
    answers = draw(
        st.lists(
            st.dictionaries(st.text(max_size=9), st.lists(FLOATS, max_size=12), max_size=3),
            max_size=2,
        )
    )
    queries = [{"query": {"metric_name": f"m{at}"}} for at in range(len(answers))]
    made = widget(
        draw(st.sampled_from(["chart", "metric", "table", "feed", "text", "alert"])),
        draw(CONFIG) | {"queries": queries},
        title=draw(st.one_of(st.none(), st.text(max_size=200))),
        position=Position(0, 0, draw(st.integers(1, 12)), draw(st.integers(1, 12))),
    )
    return Shown(made, [rows(each) for each in answers], events(2))


@settings(max_examples=100, deadline=None)
@given(shown_widgets())
def test_no_widget_is_too_odd_to_be_drawn(shown: Shown) -> None:
    canvas = Canvas(640, 480, "#ffffff")
    area = Box(10, 10, 620, 460)
    box = place_of(shown.widget.position, area, 30)
    with drawing():
        draw_widget(
            canvas, box, shown, Palette(["m1"]), colours_of(Theme.LIGHT), ZoneInfo("Europe/Rome")
        )


@settings(max_examples=15, deadline=None)
@given(shown_widgets(), st.text(max_size=100), st.sampled_from(list(Drawn)))
def test_no_widget_is_too_odd_to_be_saved(shown: Shown, name: str, kind: Drawn) -> None:
    file = render(sheet(shown, look=Look(kind, width=640, scale=1), name=name))
    assert file.startswith(b"%PDF" if kind is Drawn.PDF else b"\x89PNG")


def test_what_the_library_cannot_letter_is_drawn_in_simple_letters(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(canvases: list[Canvas], *given: object) -> bytes:
        if not all(each.is_simple for each in canvases):
            raise IndexError("string index out of range")
        return pdf(canvases, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("nowline.render.document.pdf", odd)
    said = text(sheet(name="Shop \u05d0"))
    assert "Shop \u25a1" in said
    assert "simple letters" in caplog.text
