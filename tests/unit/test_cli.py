from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nowline import __version__, cli
from nowline.lock import DirectoryLock

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _a_home_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NOWLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NOWLINE_DATA_DIR", str(tmp_path / "data"))


def stored(tmp_path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(tmp_path / "data" / "documents.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_program_says_its_version() -> None:
    command = [sys.executable, "-m", "nowline", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"nowline {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["key"],
        ["key", "create", "app"],
        ["key", "create", "app", "--scope", "root"],
        ["user", "create", "a@example.com", "--role", "owner"],
        ["up", "--nonsense"],
        ["demo", "--rate", "0"],
        ["demo", "--rate", "nan"],
        ["demo", "--rate", "fast"],
        ["demo", "--backfill", "7"],
        ["demo", "--seed", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


def test_wrong_choice_is_told_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["key", "create", "app", "--scope", "root"])
    assert capsys.readouterr().err.endswith("'root' is none of ingest, read, write, admin\n")


def test_config_is_an_aligned_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOWLINE_INGEST_KEY", "hunter2")
    monkeypatch.setenv("NOWLINE_PORT", "9000")
    assert cli.main(["config"]) == 0
    out = capsys.readouterr().out
    head, *rows = out.splitlines()
    origin = head.index("ORIGIN")
    assert {row[origin:] for row in rows} == {"default", "environment"}
    assert all(row[origin - 1] == " " for row in rows)
    assert "hunter2" not in out
    (port,) = [row.split() for row in rows if row.startswith("NOWLINE_PORT ")]
    assert port == ["NOWLINE_PORT", "9000", "environment"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["config"], ["up"], ["key", "create", "a", "--scope", "read"]])
def test_bad_setting_is_one_line_and_exits_with_2(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOWLINE_PROT", "1")
    assert cli.main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("nowline: NOWLINE_PROT: unknown setting; did you mean NOWLINE_PORT?\n")


def test_password_that_no_admin_may_have_is_a_bad_setting(tmp_path: Path) -> None:
    settings = {"ADMIN_EMAIL": "a@b.c", "ADMIN_PASSWORD": "short", "DATA_DIR": str(tmp_path)}
    environment = {f"NOWLINE_{name}": value for name, value in settings.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "nowline", "up", "--port", "0"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    refusal = "nowline: NOWLINE_ADMIN_PASSWORD: must have 8 to 1024 characters\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", refusal)


def test_flag_beats_the_environment_in_refusals_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOWLINE_PORT", "9000")
    assert cli.main(["up", "--port", "x"]) == 2
    assert capsys.readouterr().err.startswith("nowline: --port: must be a port number")


def test_named_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.toml"
    file.write_text("port = 7000\n")
    assert cli.main(["config", "--config", str(file)]) == 0
    assert ["NOWLINE_PORT", "7000", str(file)] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


def test_key_is_alone_on_standard_output_and_made_while_a_server_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    with DirectoryLock.acquire(tmp_path / "data"):
        code = cli.main(["key", "create", "my app", "--scope", "ingest", "--scope", "read"])
    captured = capsys.readouterr()
    assert code == 0
    assert captured.out.startswith("nl_")
    assert len(captured.out.split()) == 1
    assert str(tmp_path / "data") in captured.err
    assert [name for (name,) in stored(tmp_path, "SELECT name FROM api_keys")] == ["my app"]


def test_key_that_is_refused_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["key", "create", "", "--scope", "ingest"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nowline: name: ")
    assert captured.err.count("\n") == 1


def test_user_gets_the_password_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    assert cli.main(["user", "create", "ada@example.com", "--role", "admin"]) == 0
    assert "ada@example.com (admin)" in capsys.readouterr().out
    ((email, role, password_hash),) = stored(
        tmp_path, "SELECT email, role, password_hash FROM users"
    )
    assert (email, role) == ("ada@example.com", "admin")
    assert str(password_hash).startswith("$argon2id$")


def test_same_user_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for code in (0, 1):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
        assert cli.main(["user", "create", "ada@example.com", "--role", "viewer"]) == code
    assert capsys.readouterr().err.startswith("nowline: email: ")


def test_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    command = ["key", "create", "a", "--scope", "read", "--data-dir", str(tmp_path / "file" / "x")]
    assert cli.main(command) == 2
    assert capsys.readouterr().err == (
        f"nowline: NOWLINE_DATA_DIR: cannot make {tmp_path}/file/x: Not a directory\n"
    )


def test_demo_without_a_server_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == (
        f"nowline: No server runs on {tmp_path}/data: start one with `nowline up` or give --url\n"
    )


def test_demo_elsewhere_needs_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--url", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("nowline: --key: is needed with --url")
    assert not (tmp_path / "data").exists()
