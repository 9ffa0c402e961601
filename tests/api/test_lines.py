"""InfluxDB line protocol at every address, by a real server and InfluxDB's own clients."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from influxdb import InfluxDBClient as FirstClient
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision

from asking import ask, counted, fields
from running import INGEST_KEY, Server

PATHS = ("/api/v1/write", "/write", "/api/v2/write")


def last(reader: httpx.Client, name: str, **query: object) -> float:
    """The newest value of a metric."""
    assert counted(reader, name, 1)
    (point,) = ask(reader, name, aggregation="last", **query)
    return float(point["value"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "application/octet-stream", None])
def test_lines_are_taken_in_and_seen(
    sender: httpx.Client, reader: httpx.Client, path: str, kind: str | None
) -> None:
    name = f"in{path.replace('/', '_')}_{(kind or 'none')[:4]}"
    query = {"db": "any", "rp": "x", "org": "o", "bucket": "b", "precision": "ms"}
    body = b'%b,host=a value=1,other=2.5,is=t,text="x" %d' % (name.encode(), time.time() * 1000)
    headers = {} if kind is None else {"content-type": kind}
    answer = sender.post(path, params=query, content=body, headers=headers)
    assert answer.status_code == 204
    assert answer.content == b""
    assert "content-length" not in answer.headers
    assert last(reader, name, filters={"host": "a"}) == 1
    assert last(reader, f"{name}.other") == 2.5
    assert last(reader, f"{name}.is") == 1
    assert counted(reader, f"{name}.text", 0) == 0


def test_a_packed_body_without_times(sender: httpx.Client, reader: httpx.Client) -> None:
    packed = gzip.compress(b"in.lines_packed v=1\nin.lines_packed v=2\n")
    answer = sender.post("/write", content=packed, headers={"content-encoding": "gzip"})
    assert answer.status_code == 204
    assert counted(reader, "in.lines_packed.v", 2) == 2


@pytest.mark.parametrize("path", PATHS)
def test_bad_lines_are_named_and_the_others_kept(
    sender: httpx.Client, reader: httpx.Client, path: str
) -> None:
    name = f"in.bad{path.replace('/', '_')}"
    body = f"{name} v=1\n\n{name} v=x\n{name} v=2 1\n{'n' * 300} v=1\n{name},{'a' * 129}=b v=1"
    answer = sender.post(path, content=body)
    assert answer.status_code == 400
    assert fields(answer) == ["fields.v", "time", "name", "tags"]
    problem = answer.json()
    assert [error["index"] for error in problem["errors"]] == [2, 3, 4, 5]
    assert problem["detail"] == "4 lines were refused, see `errors`; 1 value was kept."
    assert counted(reader, f"{name}.v", 1) == 1


def test_another_precision_is_named(sender: httpx.Client) -> None:
    answer = sender.post("/write?precision=h", content=b"m v=1")
    assert answer.status_code == 400
    assert fields(answer) == ["precision"]
    assert "`h`" in answer.json()["detail"]


def test_rows_take_the_type_that_the_metric_has(sender: httpx.Client, reader: httpx.Client) -> None:
    row = {"name": "in.lines_counter.v", "value": 2, "type": "counter"}
    assert sender.post("/api/v1/ingest/metrics", json=[row]).status_code == 202
    assert sender.post("/write", content=b"in.lines_counter v=3").status_code == 204
    assert counted(reader, "in.lines_counter.v", 2) == 2
    found = reader.get("/api/v1/metrics", params={"search": "in.lines_counter"}).json()
    assert [metric["type"] for metric in found["metrics"]] == ["counter"]


def test_what_clients_ask_before_they_write(server: Server) -> None:
    with server.client() as client:
        for method in ("GET", "HEAD"):
            answer = client.request(method, "/ping")
            assert answer.status_code == 204
            assert answer.headers["x-influxdb-version"]
        assert client.get("/health").json()["status"] == "pass"


def test_the_client_of_influxdb_2(server: Server, reader: httpx.Client) -> None:
    with InfluxDBClient(url=server.url, token=INGEST_KEY, org="any") as client:
        assert client.ping()
        fields = {"level": 1.5, "on": True, "count": 7, "note": 'said "hi"\nand left'}
        point = {"measurement": "in.influx 2", "tags": {"site": "a, b=c"}, "fields": fields}
        with client.write_api(write_options=SYNCHRONOUS) as writer:
            writer.write("any", record=[point, {**point, "time": time.time_ns()}])
            now = int(time.time())
            writer.write("any", record=f"in.raw v=3i {now}", write_precision=WritePrecision.S)
    assert last(reader, "in.influx 2.level", filters={"site": "a, b=c"}) == 1.5
    assert last(reader, "in.influx 2.on") == 1
    assert last(reader, "in.influx 2.count") == 7
    assert last(reader, "in.raw.v") == 3


def test_the_client_of_influxdb_1(server: Server, reader: httpx.Client) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    headers = {"Authorization": f"Token {INGEST_KEY}"}
    point = {"measurement": "in.influx1", "tags": {"a b": "c,d"}, "fields": {"value": 2.5, "n": 4}}
    client = FirstClient(host, int(port), database="any", headers=headers, gzip=True)
    assert client.ping()
    assert client.write_points([point], time_precision="ms")
    client.close()
    assert last(reader, "in.influx1", filters={"a b": "c,d"}) == 2.5
    assert last(reader, "in.influx1.n") == 4


def test_what_the_documentation_shows(server: Server, reader: httpx.Client) -> None:
    page = (Path(__file__).parents[2] / "docs" / "influxdb.md").read_text(encoding="utf-8")
    command, _, answer = re.findall(r"^```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "NOWLINE_URL": server.url, "NOWLINE_KEY": INGEST_KEY}
    subprocess.run(["/bin/sh", "-eu", "-c", command], env=environment, check=True)
    assert last(reader, "weather.temperature", filters={"city": "Rome"}) == 21.5
    assert last(reader, "weather.humidity") == 40
    assert last(reader, "visits", filters={"page": "/pricing"}) == 3
    with server.ingest() as client:
        refused = client.post("/write", content=b"in.docs a=1,b=2\nin.docs v=abc")
    assert refused.json() == json.loads(answer)
