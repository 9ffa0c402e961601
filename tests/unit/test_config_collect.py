"""What `nowline.toml` may say to collect."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from nowline.config import Collect, ConfigError, effective, load

TLS = Path(__file__).parent / "collect" / "tls"


def written(folder: Path, text: str) -> Path:
    file = folder / "nowline.toml"
    file.write_text(text)
    return file


def collect(folder: Path, text: str) -> Collect:
    return load({}, file=written(folder, text)).collect


def shown(folder: Path, text: str) -> dict[str, tuple[str, str]]:
    rows = effective(load({}, file=written(folder, text)))
    return {r.variable: (r.value, r.origin) for r in rows if r.variable.startswith("collect.")}


def test_nothing_is_collected_by_default(tmp_path: Path) -> None:
    assert load({}, {"data_dir": str(tmp_path)}).collect.targets == ()


def test_what_is_not_said_of_a_target_is_usual(tmp_path: Path) -> None:
    found = collect(
        tmp_path,
        """
        port = 1
        [[collect.prometheus]]
        url = "http://node"
        [[collect.postgres]]
        url = "postgresql://u:p@[::1]/d"
        [[collect.redis]]
        url = "rediss://h/1"
        """,
    )
    (page,), (postgres,), (redis,) = found.prometheus, found.postgres, found.redis
    assert page.url == "http://node/metrics"
    assert page.tags == {"job": "prometheus", "instance": "node:80"}
    assert (page.interval, page.timeout) == (timedelta(seconds=15), timedelta(seconds=10))
    assert page.headers == {}
    assert (page.honor_labels, page.honor_timestamps, page.tls_verify) == (False, True, True)
    assert (page.max_samples, page.max_bytes) == (50_000, 32 << 20)
    assert (page.tls_ca, page.tls_cert, page.tls_key) == (None, None, None)
    assert (postgres.tags, postgres.statements) == ({"instance": "[::1]:5432"}, 20)
    assert (redis.tags, redis.streams) == ({"instance": "h:6379"}, ())
    assert found.targets == (page, postgres, redis)


def test_everything_may_be_said_of_a_target(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token\n")
    page, other = collect(
        tmp_path,
        f"""
        [[collect.prometheus]]
        url = "https://node:9100/metrics?all=1"
        job = "node"
        instance = "db 1"
        interval = "1m"
        timeout = "30s"
        tags = {{ env = "prod", team = "data" }}
        bearer_token_file = "{tmp_path / "token"}"
        headers = {{ X-Scope-OrgID = "a" }}
        honor_labels = true
        honor_timestamps = false
        max_samples = 10
        max_bytes = 1000
        tls_verify = false
        tls_ca = "{TLS / "cert.pem"}"
        tls_cert = "{TLS / "cert.pem"}"
        tls_key = "{TLS / "key.pem"}"
        [[collect.prometheus]]
        url = "http://other"
        username = "ada"
        password = "a b"
        interval = "1s"
        """,
    ).prometheus
    assert page.tags == {"job": "node", "instance": "db 1", "env": "prod", "team": "data"}
    assert (page.interval, page.timeout) == (timedelta(minutes=1), timedelta(seconds=30))
    assert page.headers == {"Authorization": "Bearer a-token", "X-Scope-OrgID": "a"}
    assert (page.honor_labels, page.honor_timestamps, page.tls_verify) == (True, False, False)
    assert (page.max_samples, page.max_bytes) == (10, 1000)
    assert (page.tls_cert, page.tls_key) == (TLS / "cert.pem", TLS / "key.pem")
    assert other.headers == {"Authorization": "Basic YWRhOmEgYg=="}
    assert other.timeout == timedelta(milliseconds=800)


PROMETHEUS = '[[collect.prometheus]]\nurl = "http://h"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("collect = 1", "collect: must be tables such as [[collect.prometheus]]"),
        (
            "[[collect.promotheus]]",
            "collect.promotheus: unknown setting; did you mean collect.prometheus?",
        ),
        (
            '[collect.redis]\nurl = "redis://h"',
            "collect.redis: must be tables, each begun with [[collect.redis]]",
        ),
        ("[[collect.prometheus]]", "collect.prometheus[0].url: is required"),
        (
            PROMETHEUS + '[[collect.prometheus]]\nurl = "ftp://h"',
            "collect.prometheus[1].url: must be http://host or https://host",
        ),
        (
            '[[collect.prometheus]]\nurl = "http://u:hunter2@h"',
            "collect.prometheus[0].url: must have no user and no fragment",
        ),
        (
            PROMETHEUS + 'intervall = "5s"',
            (
                "collect.prometheus[0].intervall: unknown setting;"
                " did you mean collect.prometheus[0].interval?"
            ),
        ),
        (
            PROMETHEUS + "interval = 5",
            (
                "collect.prometheus[0].interval: must be a duration such as 90s, 12h, 30d or 1y,"
                " not '5'"
            ),
        ),
        (PROMETHEUS + 'interval = "2d"', "collect.prometheus[0].interval: must be at most 1d"),
        (
            PROMETHEUS + 'timeout = "15s"',
            "collect.prometheus[0].timeout: must be shorter than the interval",
        ),
        (PROMETHEUS + "job = []", "collect.prometheus[0].job: must be a text, a whole number,"),
        (PROMETHEUS + 'job = " "', "collect.prometheus[0].job: must be printable text, not ' '"),
        (
            PROMETHEUS + 'tags = { job = "x" }',
            "collect.prometheus[0].tags.job: is set by itself; choose another name",
        ),
        (PROMETHEUS + "tags = { x = 1 }", "collect.prometheus[0].tags: must be a table of texts"),
        (PROMETHEUS + 'tags = ["x"]', "collect.prometheus[0].tags: must be a table of texts"),
        (
            PROMETHEUS + 'headers = { "a b" = "x" }',
            "collect.prometheus[0].headers.a b: is not the name of a header",
        ),
        (
            PROMETHEUS + 'headers = { a = "x\\ny" }',
            "collect.prometheus[0].headers.a: must be printable ASCII",
        ),
        (
            PROMETHEUS + 'password = "p"',
            "collect.prometheus[0].username: must be set too: password is that of a user",
        ),
        (
            PROMETHEUS + 'username = "u"\nbearer_token = "t"',
            "collect.prometheus[0].bearer_token: set only one of",
        ),
        (
            PROMETHEUS + 'headers = { authorization = "x" }\nbearer_token = "t"',
            "collect.prometheus[0].bearer_token: set only one of",
        ),
        (
            PROMETHEUS + 'bearer_token = "t"\nbearer_token_file = "/t"',
            "collect.prometheus[0].bearer_token_file: bearer_token is set too;",
        ),
        (
            PROMETHEUS + 'bearer_token_file = "/no/such"',
            "collect.prometheus[0].bearer_token_file: cannot read /no/such: No such file",
        ),
        (
            PROMETHEUS + 'tls_ca = "/no/such"',
            "collect.prometheus[0].tls_ca: cannot read /no/such: No such file or directory",
        ),
        (
            PROMETHEUS + f'tls_ca = "{Path(__file__).as_posix()}"',
            "collect.prometheus[0].tls_ca: is not a certificate in PEM",
        ),
        (
            PROMETHEUS + f'tls_key = "{TLS.as_posix()}/key.pem"',
            "collect.prometheus[0].tls_cert: must be set too",
        ),
        (PROMETHEUS * 2, "collect.prometheus[1].instance: h:80 is collected already"),
        (
            '[[collect.postgres]]\nurl = "postgresql://u:hunter2@h"',
            "collect.postgres[0].url: must be postgresql://host/database",
        ),
        (
            '[[collect.postgres]]\nurl = "postgresql://h/d"\nstatements = 501',
            "collect.postgres[0].statements: must be a whole number from 0 to 500, not '501'",
        ),
        (
            '[[collect.redis]]\nurl = "redis://:hunter2@h/x"',
            "collect.redis[0].url: must be redis://host/0 or rediss://host/0",
        ),
        (
            '[[collect.redis]]\nurl = "redis://h"\nstreams = "orders"',
            "collect.redis[0].streams: must be a list of texts",
        ),
        (
            '[[collect.redis]]\nurl = "redis://h"\nstatements = 1',
            "collect.redis[0].statements: unknown setting",
        ),
    ],
)
def test_a_bad_target_is_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load({}, file=file)
    said = str(caught.value)
    assert said.startswith(f"{file}: {message}")
    assert "\n" not in said
    assert "hunter2" not in said


def test_two_targets_may_be_told_apart_by_name(tmp_path: Path) -> None:
    found = collect(tmp_path, PROMETHEUS + PROMETHEUS + 'instance = "again"')
    assert [page.tags["instance"] for page in found.prometheus] == ["h:80", "again"]


def test_every_value_is_shown_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hunter2@h/0")
    text = f"""
        [[collect.prometheus]]
        url = "http://h/metrics?token=hunter2&x=1"
        bearer_token = "hunter2"
        headers = {{ X-Key = "hunter2" }}
        tags = {{ env = "prod" }}
        [[collect.postgres]]
        url = "postgresql://u:hunter2@h/d"
        [[collect.redis]]
        url_file = "{tmp_path / "url"}"
        streams = ["a", "b"]
        """
    rows = shown(tmp_path, text)
    file = str(tmp_path / "nowline.toml")
    assert rows["collect.prometheus[0].url"] == ("http://h/metrics?token=********&x=1", file)
    assert rows["collect.prometheus[0].bearer_token"] == ("********", file)
    assert rows["collect.prometheus[0].headers"] == ("X-Key=********", file)
    assert rows["collect.prometheus[0].tags"] == ("env=prod", file)
    assert rows["collect.prometheus[0].interval"] == ("15s", "default")
    assert rows["collect.prometheus[0].tls_verify"] == ("on", "default")
    assert rows["collect.prometheus[0].tls_ca"] == ("unset", "default")
    assert rows["collect.postgres[0].url"] == ("postgresql://u:********@h/d", file)
    assert rows["collect.redis[0].url"][0] == "redis://:********@h/0"
    assert rows["collect.redis[0].url"][1] == f"{file}, file {tmp_path / 'url'}"
    assert rows["collect.redis[0].streams"] == ("a,b", file)
    assert "hunter2" not in repr(rows)
    assert "hunter2" not in repr(load({}, file=tmp_path / "nowline.toml"))
