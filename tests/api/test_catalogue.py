"""The catalogue: what there is, of which type and unit, with which tags, and since when."""

from __future__ import annotations

import httpx
import pytest

from asking import accept, counted, fields, whole_minute
from nowline.clock import rfc3339
from polling import eventually

BASE = whole_minute(20)


@pytest.fixture(scope="module", autouse=True)
def rows(sender: httpx.Client, reader: httpx.Client) -> None:
    unit = {"unit": "ms", "description": "how long"}
    accept(
        sender,
        {"name": "Cat.Duration", "value": 1, "time": BASE + 5, "tags": {"b": "2", "a": "1"},
         "type": "distribution", "metadata": unit},
        {"name": "Cat.Duration", "value": 1, "time": BASE, "tags": {"b": "1"}},
        {"name": "cat.plain", "value": 1, "time": BASE},
        {"name": "other.metric", "value": 1, "time": BASE, "metadata": {"unit": 5}},
    )  # fmt: skip
    assert counted(reader, "Cat.Duration", 2) == 2


def test_an_entry_tells_all_of_a_metric(reader: httpx.Client) -> None:
    (listed,) = reader.get("/api/v1/metrics", params={"search": "cat.dur"}).json()["metrics"]
    assert listed == {
        "name": "Cat.Duration",
        "type": "distribution",
        "unit": "ms",
        "tags": ["a", "b"],
        "series": 2,
        "overflow": False,
        "first_seen": rfc3339(BASE),
        "last_seen": rfc3339(BASE + 5),
        "metadata": {"unit": "ms", "description": "how long"},
    }


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("cat.", ["Cat.Duration", "cat.plain"]),
        ("CAT.P", ["cat.plain"]),
        ("%", []),
        ("nothing like it", []),
    ],
)
def test_search(reader: httpx.Client, search: str, names: list[str]) -> None:
    answer = reader.get("/api/v1/metrics", params={"search": search})
    assert [metric["name"] for metric in answer.json()["metrics"]] == names


def test_without_a_search_everything_is_listed_by_name(reader: httpx.Client) -> None:
    listed = [metric["name"] for metric in reader.get("/api/v1/metrics").json()["metrics"]]
    assert {"Cat.Duration", "cat.plain", "other.metric"} <= set(listed)
    assert listed == sorted(listed)


def test_a_unit_that_is_no_text_is_none(reader: httpx.Client) -> None:
    (listed,) = reader.get("/api/v1/metrics", params={"search": "other.metric"}).json()["metrics"]
    assert (listed["unit"], listed["type"]) == (None, "gauge")


def test_the_values_of_a_tag(reader: httpx.Client) -> None:
    url = "/api/v1/metrics/Cat.Duration/tags"
    assert reader.get(f"{url}/b").json() == {"values": ["1", "2"]}
    assert reader.get(f"{url}/a").json() == {"values": ["1"]}
    assert reader.get(f"{url}/none").json() == {"values": []}


def test_the_tags_of_an_unknown_metric_are_a_404(reader: httpx.Client) -> None:
    answer = reader.get("/api/v1/metrics/unknown/tags/a")
    assert answer.status_code == 404
    fields(answer)


def test_what_a_metric_says_of_itself_adds_up(sender: httpx.Client, reader: httpx.Client) -> None:
    accept(sender, {"name": "cat.meta", "value": 1, "metadata": {"unit": "s"}})
    accept(sender, {"name": "cat.meta", "value": 1, "metadata": {"help": "x"}})

    def described() -> bool:
        listed = reader.get("/api/v1/metrics", params={"search": "cat.meta"}).json()["metrics"]
        return [m["metadata"] for m in listed] == [{"unit": "s", "help": "x"}]

    assert eventually(described)


@pytest.mark.parametrize("url", ["/api/v1/metrics", "/api/v1/metrics/cat.plain/tags/a"])
def test_only_who_may_read_sees_it(sender: httpx.Client, reader: httpx.Client, url: str) -> None:
    assert sender.get(url).status_code == 403
    assert reader.get(url, headers={"authorization": ""}).status_code == 401
