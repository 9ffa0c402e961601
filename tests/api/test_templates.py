"""The built-in dashboards are there, and every question in them can be asked."""

from __future__ import annotations

import gzip
from typing import Any

import httpx

from asking import fields
from polling import eventually

URL = "/api/v1/templates"


def templates(reader: httpx.Client) -> list[dict[str, Any]]:
    listed = reader.get(URL).raise_for_status().json()["templates"]
    return [reader.get(f"{URL}/{each['id']}").raise_for_status().json() for each in listed]


def queries(widget: dict[str, Any]) -> list[dict[str, Any]]:
    """What a widget asks, whether one question or several."""
    config = widget["config"]
    several = [labelled["query"] for labelled in config.get("queries", ())]
    return [config["query"]] if "query" in config else several


def test_the_list_names_each_template(reader: httpx.Client) -> None:
    listed = reader.get(URL).json()["templates"]
    names = {
        "host",
        "saas",
        "kpi",
        "tasks",
        "api-health",
        "user-activity",
        "business",
        "self",
        "shop",
    }
    assert names <= {template["id"] for template in listed}
    assert all(set(template) == {"id", "name", "description"} for template in listed)
    assert all(template["name"] and template["description"] for template in listed)


def test_a_template_has_what_its_summary_says_and_widgets(reader: httpx.Client) -> None:
    listed = reader.get(URL).json()["templates"]
    for summary, template in zip(listed, templates(reader), strict=True):
        assert summary.items() <= template.items()
        assert template["widgets"]


def test_widgets_stand_on_the_grid_side_by_side(reader: httpx.Client) -> None:
    for template in templates(reader):
        names = [widget["id"] for widget in template["widgets"]]
        assert len(set(names)) == len(names)
        check_places([widget["position"] for widget in template["widgets"]], 12)


def test_layouts_for_smaller_screens_are_whole_or_not_there(reader: httpx.Client) -> None:
    arranged = []
    for template in templates(reader):
        for layout, columns in (("medium", 6), ("small", 2)):
            found = [widget.get("layouts", {}).get(layout) for widget in template["widgets"]]
            places = [place for place in found if place is not None]
            assert len(places) in {0, len(found)}, (template["id"], layout)
            check_places(places, columns)
            arranged += places
    assert arranged


def check_places(places: list[dict[str, int]], columns: int) -> None:
    """None reaches beyond the columns, and none stands on another."""
    taken: set[tuple[int, int]] = set()
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= columns
        covered = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert covered
        assert not covered & taken, place
        taken |= covered


def test_every_query_of_a_template_is_answered(reader: httpx.Client) -> None:
    asked = [
        query
        for template in templates(reader)
        for widget in template["widgets"]
        for query in queries(widget)
    ]
    assert asked
    for query in asked:
        answer = reader.post("/api/v1/metrics/query", json=query)
        assert answer.status_code == 200, (query, answer.text)


def test_each_saas_panel_has_its_window_and_its_mark(reader: httpx.Client) -> None:
    saas = reader.get(f"{URL}/saas").raise_for_status().json()
    panels = {widget["title"]: widget["config"] for widget in saas["widgets"]}
    windows = {
        name: {query["time_range"]["last"] for query in queries({"config": panels[name]})}
        for name in ("Logins", "API calls", "Error rate")
    }
    assert windows == {"Logins": {"30m"}, "API calls": {"10m"}, "Error rate": {"30m"}}
    marks = {name: config.get("thresholds", [{}])[0] for name, config in panels.items()}
    told = {name: (mark.get("value"), mark.get("tone")) for name, mark in marks.items()}
    assert told.items() >= {
        ("Active users", (0.5, "bad")),
        ("Logins", (2, "good")),
        ("API calls", (0.8, "warning")),
        ("Error rate", (5, "bad")),
    }


def test_the_server_yields_what_its_own_dashboard_asks_for(reader: httpx.Client) -> None:
    own = reader.get(f"{URL}/self").raise_for_status().json()
    asked = {query["metric_name"] for widget in own["widgets"] for query in queries(widget)}
    # These are of queries over HTTP and of live views: a fresh server has had none.
    asked -= {"nowline.query.mean_ms", "nowline.live.publish_ms", "nowline.live.write_ms"}

    def missing() -> set[str]:
        listed = reader.get("/api/v1/metrics").raise_for_status().json()["metrics"]
        return asked - {metric["name"] for metric in listed}

    assert eventually(lambda: not missing()), missing()


def test_activity_dashboards_ask_for_what_events_and_tasks_yield(reader: httpx.Client) -> None:
    yielded = {
        "user-activity": {"events", "api.calls", "api.errors"},
        "api-health": {"api.calls", "api.errors", "api.duration"},
        "tasks": {"task.count", "task.duration", "task.cpu", "task.memory"},
    }
    for template in templates(reader):
        if template["id"] in yielded:
            names = {query["metric_name"] for w in template["widgets"] for query in queries(w)}
            assert names == yielded[template["id"]]


def test_an_unknown_template_is_a_404(reader: httpx.Client) -> None:
    answer = reader.get(f"{URL}/unknown")
    assert answer.status_code == 404
    fields(answer)


def test_only_who_may_read_gets_them(sender: httpx.Client) -> None:
    for url in (URL, f"{URL}/host"):
        assert sender.get(url).status_code == 403
        assert sender.get(url, headers={"authorization": ""}).status_code == 401


def test_a_template_is_compressed_for_who_takes_it(reader: httpx.Client) -> None:
    plain = reader.get(f"{URL}/host", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with reader.stream("GET", f"{URL}/host", headers={"accept-encoding": "gzip"}) as packed:
        body = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(body) < len(plain.content) / 3
    assert gzip.decompress(body) == plain.content
