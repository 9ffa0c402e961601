from __future__ import annotations

import stat
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.config import (
    LEVELS,
    ConfigError,
    effective,
    format_duration,
    load,
    parse_duration,
    prepare,
    signing_key,
)
from nowline.config.values import mask_password
from nowline.live.pace import ViewerLimits

if TYPE_CHECKING:
    from pathlib import Path

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _a_home_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def refusal(
    environment: dict[str, str], flags: dict[str, str] | None = None, file: Path | None = None
) -> str:
    """The text that these settings are refused with, one line."""
    with pytest.raises(ConfigError) as caught:
        load(environment, flags, file)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    settings = load({"NOWLINE_DATA_DIR": str(tmp_path)})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.store_url == "duckdb:"
    assert settings.store_path == tmp_path / "nowline.duckdb"
    assert settings.bus_url == "memory:"
    assert settings.cache_url is None
    assert settings.host_metrics is True
    assert settings.statsd_port is None
    assert settings.webhook_allow == ()
    assert (settings.ingest_requests_per_s, settings.ingest_bytes_per_s) == (None, None)
    assert settings.ingest_memory == 256 << 20
    assert settings.ingest_body == 16 << 20
    assert settings.ingest_unpacked == 128 << 20
    assert settings.live_connections == 20_000
    viewers = ViewerLimits(settings.live_subscriptions, settings.live_messages_per_s)
    assert viewers == ViewerLimits()
    assert (settings.max_series_per_metric, settings.max_series) == (10_000, 1_000_000)
    assert settings.retention == {
        "raw": timedelta(days=30),
        "1m": timedelta(days=365),
        "5m": timedelta(days=365),
        "1h": timedelta(days=5 * 365),
        "1d": timedelta(days=5 * 365),
    }


def test_documents_are_where_the_measurements_are(tmp_path: Path) -> None:
    in_files = load({"NOWLINE_DATA_DIR": str(tmp_path)})
    assert in_files.documents_url == f"sqlite:///{tmp_path}/documents.sqlite"
    url = "postgresql://u:p@h/d?sslmode=require"
    assert load({"NOWLINE_STORE_URL": url}).documents_url == url


def test_a_password_that_breaks_its_url_is_not_told() -> None:
    assert "hunter2" not in refusal({"NOWLINE_STORE_URL": "postgresql://u:hunter2/x@h/d"})


def test_the_default_folder_is_the_users_data_folder(tmp_path: Path) -> None:
    folder = load({}).data_dir
    assert folder.is_relative_to(tmp_path)
    assert folder.name == "nowline"


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "nowline.toml").write_text('host = "a"\nport = 1\nstatsd_port = 9\n')
    environment = {
        "NOWLINE_DATA_DIR": str(tmp_path),
        "NOWLINE_PORT": "2",
        "NOWLINE_HOST": "b",
    }
    settings = load(environment, {"host": "c"})
    assert (settings.host, settings.port, settings.statsd_port) == ("c", 2, 9)
    origins = settings.origins
    assert origins["host"] == "--host"
    assert origins["port"] == "environment"
    assert origins["statsd_port"] == str(tmp_path / "nowline.toml")
    assert origins["store_url"] == "default"


def test_a_named_file_replaces_the_one_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "nowline.toml").write_text("port = 1\n")
    file = tmp_path / "other.toml"
    file.write_text(f'port = 2\ndata_dir = "{tmp_path}"\n')
    settings = load({}, file=file)
    assert settings.port == 2
    assert settings.data_dir == tmp_path


def test_file_takes_tables_types_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "n.toml"
    file.write_text('host_metrics = false\nwebhook_allow = ["127.0.0.0/8", "fd00::/8"]\n')
    settings = load({}, file=file)
    assert settings.host_metrics is False
    assert settings.webhook_allow == (ip_network("127.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"NOWLINE_PROT": "1"}, "NOWLINE_PROT: unknown setting; did you mean NOWLINE_PORT?"),
        ({"NOWLINE_X": ""}, "NOWLINE_X: unknown setting"),
        ({"NOWLINE_port": "1"}, "NOWLINE_port: unknown setting"),
        ({"NOWLINE_PORT_FILE": "/x"}, "NOWLINE_PORT_FILE: unknown setting"),
        ({"NOWLINE_PORT": "80a"}, "NOWLINE_PORT: must be a port number from 0 to 65535"),
        ({"NOWLINE_PORT": "65536"}, "NOWLINE_PORT: must be a port number"),
        ({"NOWLINE_PORT": "-1"}, "NOWLINE_PORT: must be a port number"),
        ({"NOWLINE_PORT": ""}, "NOWLINE_PORT: must be a port number"),
        ({"NOWLINE_PORT": "\u0661"}, "NOWLINE_PORT: must be a port number"),
        ({"NOWLINE_HOST": ""}, "NOWLINE_HOST: must be a host name"),
        ({"NOWLINE_HOST": "localhost:80"}, "NOWLINE_HOST: must be a host name"),
        ({"NOWLINE_HOST": "http://a"}, "NOWLINE_HOST: must be a host name"),
        ({"NOWLINE_HOST": "a\nb"}, "NOWLINE_HOST: must be a host name"),
        ({"NOWLINE_STATSD_PORT": "0"}, "NOWLINE_STATSD_PORT: must be a port number from 1"),
        ({"NOWLINE_HOST_METRICS": "yes"}, "NOWLINE_HOST_METRICS: must be on or off"),
        ({"NOWLINE_STORE_URL": "mysql://h/d"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_STORE_URL": "duckdb:x"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_STORE_URL": "postgresql:"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_STORE_URL": "postgresql://h"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_STORE_URL": "postgresql://h/a/b"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_STORE_URL": "postgresql://h:0/d"}, "NOWLINE_STORE_URL: must be duckdb:"),
        ({"NOWLINE_BUS_URL": "redis://"}, "NOWLINE_BUS_URL: must be memory:, redis://host/0 or"),
        ({"NOWLINE_BUS_URL": "redis://h/a"}, "NOWLINE_BUS_URL: must be memory:"),
        ({"NOWLINE_BUS_URL": "redis://h?x="}, "NOWLINE_BUS_URL: must be memory:"),
        ({"NOWLINE_BUS_URL": "memory:x"}, "NOWLINE_BUS_URL: must be memory:"),
        ({"NOWLINE_CACHE_URL": "redis://"}, "NOWLINE_CACHE_URL: must be redis://host/0 or"),
        ({"NOWLINE_CACHE_URL": "memory:"}, "NOWLINE_CACHE_URL: must be redis://host/0 or"),
        ({"NOWLINE_CACHE_URL": "redis://h/a"}, "NOWLINE_CACHE_URL: must be redis://host/0 or"),
        ({"NOWLINE_CACHE_URL": "redis://h:0"}, "NOWLINE_CACHE_URL: must be redis://host/0 or"),
        ({"NOWLINE_CACHE_URL": "redis://h?x="}, "NOWLINE_CACHE_URL: must be redis://host/0 or"),
        ({"NOWLINE_WEBHOOK_ALLOW": "10.0.0.1/8"}, "NOWLINE_WEBHOOK_ALLOW: 10.0.0.1/8 has host"),
        ({"NOWLINE_WEBHOOK_ALLOW": "here"}, "NOWLINE_WEBHOOK_ALLOW: 'here' does not appear"),
        ({"NOWLINE_RETENTION": "raw"}, "NOWLINE_RETENTION: must be a duration"),
        ({"NOWLINE_RETENTION": ""}, "NOWLINE_RETENTION: must name levels of raw, 1m"),
        ({"NOWLINE_RETENTION": "2m=1d"}, "NOWLINE_RETENTION: must name levels of raw, 1m"),
        ({"NOWLINE_RETENTION": "raw=0d"}, "NOWLINE_RETENTION: must be a duration"),
        ({"NOWLINE_RETENTION": "raw=1d,raw=2d"}, "NOWLINE_RETENTION: names the level raw twice"),
        ({"NOWLINE_RETENTION": "raw=101y"}, "NOWLINE_RETENTION: must be at most 100y"),
        ({"NOWLINE_ACTIVITY_RETENTION": "1"}, "NOWLINE_ACTIVITY_RETENTION: must be a duration"),
        ({"NOWLINE_MASK": "ip"}, "NOWLINE_MASK: must have name=rule pairs; 'ip' can be truncate"),
        ({"NOWLINE_MASK": "email=drop"}, "NOWLINE_MASK: must have name=rule pairs; 'email' can"),
        ({"NOWLINE_MASK": "card=no"}, "NOWLINE_MASK: must have name=rule pairs; 'card' can be"),
        ({"NOWLINE_MASK": "=drop"}, "NOWLINE_MASK: must have name=rule pairs"),
        ({"NOWLINE_MASK": "a=drop,a=hash"}, "NOWLINE_MASK: names a twice"),
        ({"NOWLINE_MAX_SERIES": "0"}, "NOWLINE_MAX_SERIES: must be a whole number from 1"),
        ({"NOWLINE_MAX_SERIES": "1e6"}, "NOWLINE_MAX_SERIES: must be a whole number from 1"),
        ({"NOWLINE_MAX_SERIES": ""}, "NOWLINE_MAX_SERIES: must be a whole number from 1"),
        (
            {"NOWLINE_MAX_SERIES_PER_METRIC": "1000000001"},
            "NOWLINE_MAX_SERIES_PER_METRIC: must be a whole number from 1 to 1000000000",
        ),
        ({"NOWLINE_INGEST_MEMORY": ""}, "NOWLINE_INGEST_MEMORY: must be a whole number from 1"),
        ({"NOWLINE_INGEST_BYTES_PER_S": "1MB"}, "NOWLINE_INGEST_BYTES_PER_S: must be a whole"),
        ({"NOWLINE_INGEST_REQUESTS_PER_S": "0"}, "NOWLINE_INGEST_REQUESTS_PER_S: must be a whole"),
        ({"NOWLINE_SECRET_KEY": ""}, "NOWLINE_SECRET_KEY: must have at least 32 bytes"),
        ({"NOWLINE_SECRET_KEY": "k" * 31}, "NOWLINE_SECRET_KEY: must have at least 32 bytes"),
        ({"NOWLINE_INGEST_KEY": "a b"}, "NOWLINE_INGEST_KEY: must be printable ASCII"),
        ({"NOWLINE_ADMIN_EMAIL": "root"}, "NOWLINE_ADMIN_EMAIL: must be an e-mail address"),
        ({"NOWLINE_ADMIN_EMAIL": "a@b.c"}, "NOWLINE_ADMIN_PASSWORD: must be set too"),
        ({"NOWLINE_ADMIN_PASSWORD": "p"}, "NOWLINE_ADMIN_EMAIL: must be set too"),
    ],
)
def test_bad_setting_is_named(tmp_path: Path, environment: dict[str, str], text: str) -> None:
    assert refusal({"NOWLINE_DATA_DIR": str(tmp_path)} | environment).startswith(text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"prot = 1", "prot: unknown setting; did you mean port?"),
        (b"[scrape]\nx = 1", "scrape: unknown setting"),
        (b"port = 1.5", "port: must be a text, a whole number, true or false"),
        (b"port = true", "port: must be a port number"),
        (b"port =", "Invalid value"),
        (b'host = "\xff"', "codec can't decode"),
        (b'data_dir = "/x"', "data_dir: cannot be set in the data folder itself"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "nowline.toml").write_bytes(content)
    message = refusal({"NOWLINE_DATA_DIR": str(tmp_path)})
    assert message.startswith(f"{tmp_path / 'nowline.toml'}: ")
    assert text in message


def test_an_overridden_setting_may_not_be_malformed_either(tmp_path: Path) -> None:
    environment = {"NOWLINE_DATA_DIR": str(tmp_path), "NOWLINE_PORT": "x"}
    message = "must be a port number from 0 to 65535, not 'x'"
    assert refusal(environment, {"port": "1"}) == f"NOWLINE_PORT: {message}"
    file = tmp_path / "nowline.toml"
    file.write_text('port = "x"\n')
    assert refusal(environment | {"NOWLINE_PORT": "1"}) == f"{file}: port: {message}"


def test_the_first_admin_may_come_from_two_sources(tmp_path: Path) -> None:
    (tmp_path / "nowline.toml").write_text('admin_email = "a@b.c"\n')
    environment = {"NOWLINE_DATA_DIR": str(tmp_path), "NOWLINE_ADMIN_PASSWORD": "p"}
    settings = load(environment)
    assert (settings.admin_email, settings.admin_password) == ("a@b.c", "p")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert refusal({}, file=missing) == f"{missing}: No such file or directory"


def test_bad_flag_is_named_as_written() -> None:
    assert refusal({}, {"data_dir": ""}) == "--data-dir: must be a folder, not ''"
    assert refusal({}, {"port": "x"}).startswith("--port: must be a port number")


def test_empty_optional_setting_is_unset(tmp_path: Path) -> None:
    names = (
        *("STATSD_PORT", "INGEST_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD", "WEBHOOK_ALLOW"),
        "CACHE_URL",
    )
    settings = load({f"NOWLINE_{n}": "" for n in names}, {"data_dir": str(tmp_path)})
    assert settings.statsd_port is None
    assert settings.ingest_key is None
    assert settings.cache_url is None
    assert settings.admin_email is None
    assert settings.webhook_allow == ()


@pytest.mark.parametrize(
    "name", ["admin_password", "ingest_key", "secret_key", "store_url", "cache_url"]
)
def test_secret_comes_from_a_file(tmp_path: Path, name: str) -> None:
    value = {"store_url": "duckdb:///x", "cache_url": "redis://h/1"}.get(name, KEY)
    file = tmp_path / "given"
    file.write_text(value + "\n")
    variable = f"NOWLINE_{name.upper()}_FILE"
    environment = {"NOWLINE_ADMIN_EMAIL": "a@b.c", "NOWLINE_ADMIN_PASSWORD": "p"}
    environment.pop(variable.removesuffix("_FILE"), None)
    settings = load({variable: str(file)} | environment, {"data_dir": str(tmp_path)})
    assert getattr(settings, name) == value
    assert settings.origins[name] == f"environment, file {file}"


def test_secret_file_is_refused_by_its_variable(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    name = "NOWLINE_INGEST_KEY_FILE"
    assert refusal({name: str(empty)}) == f"{name}: {empty} is empty"
    assert refusal({name: "/no/such"}).startswith(f"{name}: cannot read /no/such: No such file")
    both = refusal({name: str(empty), "NOWLINE_INGEST_KEY": "x"})
    assert both == f"{name}: NOWLINE_INGEST_KEY is set too; set only one of them"


def test_no_refusal_and_no_repr_shows_a_secret(tmp_path: Path) -> None:
    secret = "hunter2 with a space"
    assert secret not in refusal({"NOWLINE_INGEST_KEY": secret})
    assert secret not in refusal({"NOWLINE_SECRET_KEY": secret})
    assert secret not in refusal({"NOWLINE_STORE_URL": f"mysql://u:{secret}@h/d"})
    assert secret not in refusal({"NOWLINE_CACHE_URL": f"redis://u:{secret}@h/0"})
    environment = {
        "NOWLINE_ADMIN_EMAIL": "a@b.c",
        "NOWLINE_ADMIN_PASSWORD": "hunter2",
        "NOWLINE_INGEST_KEY": "hunter2",
        "NOWLINE_SECRET_KEY": "hunter2" * 5,
        "NOWLINE_STORE_URL": "postgresql://u:hunter2@h/d",
        "NOWLINE_CACHE_URL": "rediss://:hunter2@h:6380/0?ssl_ca_certs=/ca.pem",
    }
    settings = load(environment, {"data_dir": str(tmp_path)})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(effective(settings))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hun/ter@2@h/d?sslmode=require", "postgresql://u:***@h/d?sslmode=require"),
        ("postgresql://h/d?user=u&password=hunter2", "postgresql://h/d?user=u&password=***"),
        ("redis://h/0?ssl_password=hunter2&db=1", "redis://h/0?ssl_password=***&db=1"),
        ("duckdb:///srv/now:line.duckdb", "duckdb:///srv/now:line.duckdb"),
    ],
)
def test_every_password_of_a_url_is_masked(url: str, shown: str) -> None:
    assert mask_password(url, "***") == shown


def test_effective_rows_say_value_and_origin(tmp_path: Path) -> None:
    environment = {
        "NOWLINE_RETENTION": "raw=14d",
        "NOWLINE_STORE_URL": "postgresql://u:p@h/d",
        "NOWLINE_CACHE_URL": "redis://:p@h/1",
    }
    settings = load(environment, {"data_dir": str(tmp_path)})
    rows = {row.variable: (row.value, row.origin) for row in effective(settings)}
    assert rows["NOWLINE_DATA_DIR"] == (str(tmp_path), "--data-dir")
    assert rows["NOWLINE_HOST_METRICS"] == ("on", "default")
    assert rows["NOWLINE_RETENTION"] == ("raw=2w,1m=1y,5m=1y,1h=5y,1d=5y", "environment")
    assert rows["NOWLINE_STORE_URL"] == ("postgresql://u:********@h/d", "environment")
    assert rows["NOWLINE_CACHE_URL"] == ("redis://:********@h/1", "environment")
    assert rows["NOWLINE_STATSD_PORT"] == ("unset", "default")
    assert rows["NOWLINE_WEBHOOK_ALLOW"] == ("none", "default")
    assert rows["NOWLINE_SECRET_KEY"] == ("made at first start", "default")
    (tmp_path / "secret.key").write_text(KEY)
    rows = {row.variable: (row.value, row.origin) for row in effective(settings)}
    assert rows["NOWLINE_SECRET_KEY"] == ("********", str(tmp_path / "secret.key"))


def test_data_folder_is_the_owners_alone(tmp_path: Path) -> None:
    settings = load({}, {"data_dir": str(tmp_path / "a" / "b")})
    prepare(settings)
    prepare(settings)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


def test_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = load({}, {"data_dir": str(tmp_path / "new")})
    (tmp_path / "new").touch()
    with pytest.raises(ConfigError, match=r"^NOWLINE_DATA_DIR: cannot make .*: File exists$"):
        prepare(settings)


def test_signing_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = load({}, {"data_dir": str(tmp_path)})
    key = signing_key(settings)
    assert len(key) >= 32
    assert stat.S_IMODE(settings.secret_path.stat().st_mode) == 0o600
    assert signing_key(settings) == key
    assert list(tmp_path.iterdir()) == [settings.secret_path]


def test_signing_key_from_the_settings_makes_no_file(tmp_path: Path) -> None:
    settings = load({"NOWLINE_SECRET_KEY": KEY}, {"data_dir": str(tmp_path)})
    assert signing_key(settings) == KEY.encode()
    assert not settings.secret_path.exists()


def test_short_signing_key_file_is_refused(tmp_path: Path) -> None:
    settings = load({}, {"data_dir": str(tmp_path)})
    settings.secret_path.write_text("short\n")
    with pytest.raises(ConfigError, match=r"secret\.key: has fewer than 32 bytes"):
        signing_key(settings)


@given(st.integers(1, 100 * 365 * 86_400))
def test_durations_survive_their_text(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) < duration <= timedelta(days=36_500)


@given(
    st.lists(
        st.tuples(st.sampled_from(LEVELS), st.integers(1, 100)),
        min_size=1,
        unique_by=lambda kept: kept[0],
    )
)
def test_levels_not_named_keep_their_default(kept: list[tuple[str, int]]) -> None:
    text = ",".join(f"{level}={days}d" for level, days in kept)
    retention = load({"NOWLINE_RETENTION": text}).retention
    named = {level: timedelta(days=days) for level, days in kept}
    assert retention == {**load({}).retention, **named}
    assert tuple(retention) == LEVELS


def test_what_is_masked_unless_it_is_said_otherwise() -> None:
    assert load({}).mask == {"ip": "truncate", "email": "hash", "user_agent": "coarse"}
    masked = load({"NOWLINE_MASK": "card = drop, ip=keep"}).mask
    assert masked == {"ip": "keep", "email": "hash", "user_agent": "coarse", "card": "drop"}
    assert load({"NOWLINE_MASK": ""}).mask == load({}).mask
