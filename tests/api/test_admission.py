"""What one key may send, and what is counted of that which was refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from asking import accept, post
from polling import eventually
from running import Server

ROW = {"name": "admitted", "value": 1}
URL = "/api/v1/ingest/metrics"


@contextmanager
def another(server: Server) -> Iterator[httpx.Client]:
    """A client with a key of its own."""
    with server.alice() as alice, server.client() as client:
        asked = {"name": "another", "scopes": ["ingest"]}
        made = alice.post("/api/v1/keys", json=asked).raise_for_status().json()
        client.headers["authorization"] = f"Bearer {made['secret']}"
        yield client


def counted(client: httpx.Client, name: str) -> dict[str, float]:
    """A counter of `/metrics` by reason."""
    text = client.get("/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {
        "/".join(value for label, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_a_key_that_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    settings = {"NOWLINE_INGEST_REQUESTS_PER_S": "1"}
    with Server(tmp_path / "data", **settings) as server, server.ingest() as sender:
        answers = [post(sender, ROW) for _ in range(30)]
        statuses = [answer.status_code for answer in answers]
        let_in = statuses.index(429)
        assert 10 <= let_in < 30
        refused = answers[let_in]
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert "more requests than it may" in refused.json()["detail"]
        # The same door by another spelling is no way around.
        assert sender.post(f"{URL}/", json=[ROW]).status_code == 429
        with another(server) as other:
            accept(other, ROW)
            assert other.post(f"{URL}//", json=[ROW]).status_code == 202
        assert eventually(lambda: post(sender, ROW).status_code == 202)
        with server.alice() as reader:
            refusals = counted(reader, "nowline_ingest_refused_requests_total")
            assert refusals["requests"] >= 20
            assert refusals["bytes"] == refusals["memory"] == refusals["slow"] == 0


def test_a_large_batch_is_taken_and_paid_for_afterwards(tmp_path: Path) -> None:
    settings = {"NOWLINE_INGEST_BYTES_PER_S": "1000"}
    with Server(tmp_path / "data", **settings) as server, server.ingest() as sender:
        body = b"[%s]" % b",".join([b'{"name":"admitted","value":1}'] * 4_000)
        headers = {"content-type": "application/json"}
        assert sender.post(URL, content=body, headers=headers).status_code == 202
        refused = post(sender, ROW)
        assert refused.status_code == 429
        told = int(refused.headers["retry-after"])
        assert len(body) / 1000 - 10 - 15 < told <= len(body) / 1000 - 10 + 1
        with another(server) as other:
            accept(other, ROW)
        with server.alice() as reader:
            assert counted(reader, "nowline_ingest_refused_requests_total")["bytes"] >= 1


def test_refused_rows_are_counted_by_reason(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server, server.ingest() as sender:
        post(
            sender,
            ROW,
            {"name": "", "value": 1},
            {"name": "a", "value": "1"},
            {"name": "a", "value": 1, "time": 0},
            {"name": "a", "value": 1, "time": 1e14},
            {"name": "a", "value": 1, "nmae": "b"},
            {"name": "a", "value": 1, "tags": {"": "b"}},
            {**ROW, "type": "counter"},
        )
        sender.post("/api/v1/ingest/events", json=[{"event_type": ""}]).raise_for_status()
        with server.alice() as reader:
            reasons = counted(reader, "nowline_ingest_rejected_total")
        assert {reason: rows for reason, rows in reasons.items() if rows} == {
            "events/name": 1,
            "rows/name": 1,
            "rows/value": 1,
            "rows/too_old": 1,
            "rows/too_new": 1,
            "rows/unknown_field": 1,
            "rows/tags": 1,
            "rows/type": 1,
        }
        assert len(reasons) == 2 * 11
