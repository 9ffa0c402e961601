"""Dashboards embedded in other sites: where they stand, and what their viewers cannot loosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import jwt
import pytest

from running import Server
from shared_boards import SHARED, SITE, Team, hear, values


@pytest.fixture(scope="module")
def team(server: Server) -> Iterator[Team]:
    with ExitStack() as stack:
        yield Team(server, stack)


def test_a_locked_filter_narrows_all_and_cannot_be_loosened(team: Team) -> None:
    made = team.embed(team.board(filters={"customer": ["a-1", "b-1"]}), filters={"tenant": ["a"]})
    with team.charlie(made["token"]) as charlie, team.socket(made["token"]) as socket:
        body = charlie.get(SHARED).json()
        locked = {"tenant": ["a"], "customer": ["a-1", "b-1"]}
        assert {json.dumps(each["config"]["query"]["filters"]) for each in body["widgets"]} == {
            json.dumps({"customer": ["a-1", "b-1"], "tenant": ["a"]})
        }
        assert body["filters"] == locked
        allowed = charlie.post(f"{SHARED}/query", json=team.query(filters=locked))
        assert values(allowed.json()["data"]) == {"a": 1}
        frames = charlie.get(f"{SHARED}/poll").json()["frames"]
        assert [values(each["data"]) for each in frames] == [{"a": 1}, {"": 1}]
        for looser in (
            {},
            {"tenant": ["a"]},
            {"customer": ["a-1", "b-1"]},
            locked | {"tenant": ["a", "b"]},
            locked | {"tenant": "b"},
            locked | {"tenant": []},
            locked | {"Tenant": ["b"]},
        ):
            query = team.query(filters=looser)
            assert charlie.post(f"{SHARED}/query", json=query).status_code == 403, looser
            socket.send(json.dumps({"type": "subscribe", "id": "x", "query": query}))
            assert hear(socket)["status"] == 403
        # An address of the page is no place for filters.
        assert charlie.get(f"{SHARED}?filters=tenant:b").json()["filters"] == locked


def test_a_changed_token_is_none(team: Team) -> None:
    made = team.embed(team.board(), filters={"tenant": ["a"]})
    head, body, signature = made["token"].split(".")
    claims = jwt.decode(made["token"], options={"verify_signature": False})
    assert claims["filters"] == {"tenant": ["a"]}
    loose = claims | {"filters": {}}
    for forged in (
        jwt.encode(loose, "a guess that is long enough to sign", algorithm="HS256"),
        jwt.encode(loose, None, algorithm="none"),
        ".".join((head, jwt.encode(loose, "x" * 32, algorithm="HS256").split(".")[1], signature)),
        f"{head}.{body}.",
        f"{head}.{body}",
        made["token"][:-2],
        f"nls_{made['id']}",
    ):
        with team.charlie(forged) as charlie:
            assert charlie.get(SHARED).status_code == 401, forged


def test_an_embed_stands_in_frames_of_its_sites_alone(team: Team) -> None:
    path = team.board()
    local = "http://localhost:3000"
    made = team.embed(path, origins=[SITE, local])
    with team.charlie() as charlie:
        framed = charlie.get(made["url"])
        assert framed.status_code == 200
        policies = framed.headers.get_list("content-security-policy")
        assert len(policies) == 1
        assert f"frame-ancestors {SITE} {local};" in policies[0]
        for header, value in (
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex, nofollow"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "cross-origin"),
        ):
            assert framed.headers[header] == value
        link = team.link(path)
        for other in ("/", link["url"], f"/embed/{link['token']}", "/embed/a.b.c", f"{path}"):
            answer = charlie.get(other)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], other
        page = charlie.get(link["url"])
        assert (page.status_code, page.headers["x-robots-tag"]) == (200, "noindex, nofollow")
        assert page.headers["referrer-policy"] == "no-referrer"
        # The document is the same for everybody: it tells nobody which tokens there are.
        assert page.content == charlie.get("/s/nonsense").content == charlie.get("/").content
