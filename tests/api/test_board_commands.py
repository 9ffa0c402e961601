"""`nowline export` and `nowline import`, beside a running server, without one, and from afar."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from PIL import Image
from pypdf import PdfReader

from asking import accept, counted
from commands import fed, refused, run
from running import ADMIN_EMAIL, Server

DASHBOARDS = "/api/v1/dashboards"


def number(metric: str) -> dict[str, Any]:
    return {
        "id": "n",
        "type": "metric",
        "title": "Sold",
        "position": {"x": 0, "y": 0, "w": 4, "h": 4},
        "config": {"query": {"metric_name": metric, "aggregation": "sum"}},
    }


def make(client: httpx.Client, name: str, metric: str = "sold") -> dict[str, Any]:
    body = {"name": name, "widgets": [number(metric)], "filters": {"host": ["a"]}}
    made: dict[str, Any] = client.post(DASHBOARDS, json=body).raise_for_status().json()
    return made


def key(client: httpx.Client, scope: str) -> str:
    body = {"name": "from afar", "scopes": [scope]}
    secret: str = client.post("/api/v1/keys", json=body).raise_for_status().json()["secret"]
    return secret


def listed(client: httpx.Client) -> dict[str, dict[str, Any]]:
    found = client.get(DASHBOARDS).raise_for_status().json()["dashboards"]
    return {each["name"]: each for each in found}


def name() -> str:
    return f"Größe / {uuid.uuid4().hex}"


def exported(folder: Path, *arguments: str | Path) -> bytes:
    done = run(folder, "export", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(folder: Path, *arguments: str | Path) -> list[str]:
    """The lines that the command says."""
    done = run(folder, "import", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_dashboard_is_exported_as_the_server_does_it(
    server: Server, reader: httpx.Client, kind: str, tmp_path: Path
) -> None:
    made = make(reader, name())
    served = reader.get(f"{DASHBOARDS}/{made['id']}/export?format={kind}").content
    assert exported(server.folder, made["name"], "--format", kind) == served
    file = tmp_path / f"a.{kind}"
    assert exported(server.folder, made["id"], "-o", file) == b""
    assert file.read_bytes() == served
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_what_a_dashboard_shows_is_exported_by_its_server(
    server: Server, reader: httpx.Client, sender: httpx.Client, tmp_path: Path
) -> None:
    metric = f"sold.{uuid.uuid4().hex}"
    accept(sender, {"name": metric, "value": 41, "tags": {"host": "a"}})
    counted(reader, metric, 1)
    made = make(reader, name(), metric)
    table = exported(server.folder, made["name"], "--format", "csv", "--range", "1h")
    (row,) = csv.DictReader(io.StringIO(table.decode()))
    assert float(row["value"]) == 41
    exported(server.folder, made["name"], "-o", tmp_path / "a.pdf", "--timezone", "Europe/Rome")
    text = PdfReader(tmp_path / "a.pdf").pages[0].extract_text()
    assert "Sold" in text
    exported(
        server.folder, made["name"], "-o", tmp_path / "a.PNG", "--width", "640", "--scale", "1"
    )
    with Image.open(tmp_path / "a.PNG") as picture:
        assert picture.width == 640


def test_all_dashboards_go_into_a_folder_and_come_back(
    server: Server, reader: httpx.Client, tmp_path: Path
) -> None:
    once, twice = name(), name()
    make(reader, once)
    ids = [make(reader, twice)["id"] for _ in range(2)]
    folder = tmp_path / "new" / "boards"
    done = run(server.folder, "export", "--all", "--format", "yaml", "-o", folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == len(list(folder.iterdir())) == len(all_of(reader))
    stem = once.replace(" / ", "-")
    assert yaml.safe_load((folder / f"{stem}.yaml").read_bytes())["name"] == once
    for each in ids:
        assert (folder / f"{twice.replace(' / ', '-')}-{each[:8]}.yaml").is_file()
    with Server(tmp_path / "other") as other, other.alice() as client:
        lines = imported(other.folder, folder)
        assert len(lines) == len(all_of(client)) == len(all_of(reader))


def all_of(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(DASHBOARDS).raise_for_status().json()["dashboards"]
    return found


def test_what_is_imported_is_the_first_admins(
    server: Server, reader: httpx.Client, tmp_path: Path
) -> None:
    title = name()
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"name": title, "widgets": [number("a")]}))
    (line,) = imported(server.folder, file)
    made = listed(reader)[title]
    assert line == f"{made['id']}  {title!r} of {file}"
    assert (made["owner"], made["widget_count"], made["is_public"]) == (ADMIN_EMAIL, 1, False)
    (entry, *_) = reader.get("/api/v1/audit").json()["entries"]
    assert (entry["actor"], entry["action"]) == ("command line", "dashboard.create")


def test_what_is_imported_belongs_to_whom_it_is_given(
    server: Server, reader: httpx.Client, tmp_path: Path
) -> None:
    people = {role: f"{role}.{uuid.uuid4().hex}@example.com" for role in ("editor", "viewer")}
    for role, email in people.items():
        person = {"email": email, "password": "a long enough password", "role": role}
        reader.post("/api/v1/users", json=person).raise_for_status()
    file = tmp_path / "a.yaml"
    title = name()
    file.write_text(f"name: {title}\nwidgets: []\n")
    imported(server.folder, file, "--owner", people["editor"].upper())
    assert listed(reader)[title]["owner"] == people["editor"]
    for owner in (people["viewer"], "nobody@example.com"):
        line = refused(server.folder, "import", file, "--owner", owner)
        assert line.startswith("nowline: --owner: ")
        assert owner in line


def test_bad_files_are_named_with_their_fields_and_nothing_is_made(
    server: Server, reader: httpx.Client, tmp_path: Path
) -> None:
    before = len(all_of(reader))
    (tmp_path / "a.json").write_text(json.dumps({"name": name(), "widgets": []}))
    (tmp_path / "b.yaml").write_text("name: 5\nwidgets: []\n")
    wide = number("a") | {"position": {"x": 8, "y": 0, "w": 8, "h": 1}}
    (tmp_path / "c.json").write_text(json.dumps({"name": "c", "widgets": [wide]}))
    (tmp_path / "d.yml").write_text("name: [")
    (tmp_path / "ignored.txt").write_text("no dashboard")
    done = run(server.folder, "import", tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    lines = done.stderr.decode().splitlines()
    assert lines[:2] == [
        f"nowline: {tmp_path}/b.yaml: name: Expected `str`, got `int`",
        f"nowline: {tmp_path}/c.json: widgets[0].position.w: reaches beyond the 12 columns",
    ]
    assert lines[2].startswith(f"nowline: {tmp_path}/d.yml: body: is not YAML in line 1")
    assert lines[3:] == ["nowline: Nothing was imported."]
    assert len(all_of(reader)) == before


def test_a_dry_run_makes_nothing(server: Server, reader: httpx.Client, tmp_path: Path) -> None:
    before = len(all_of(reader))
    file = tmp_path / "a.yaml"
    file.write_text("name: Shop\nwidgets: []\n")
    assert imported(server.folder, "--dry-run", file) == [f"'Shop' of {file} can be imported."]
    assert len(all_of(reader)) == before


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_what_one_exports_another_imports(server: Server, reader: httpx.Client, kind: str) -> None:
    made = make(reader, name())
    piped = exported(server.folder, made["id"], "--format", kind)
    done = fed(piped, server.folder, "import", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    copy = reader.get(f"{DASHBOARDS}/{done.stdout.decode().split()[0]}").json()
    assert (copy["name"], copy["widgets"]) == (made["name"], made["widgets"])


def test_another_machines_server_is_asked_with_a_key(
    server: Server, reader: httpx.Client, tmp_path: Path
) -> None:
    made = make(reader, name())
    nowhere = tmp_path / "nothing here"
    far = ("--url", server.url, "--key")
    own = exported(nowhere, made["name"], *far, key(reader, "admin"))
    assert json.loads(own)["name"] == made["name"]
    line = refused(nowhere, "export", made["name"], *far, key(reader, "read"))
    assert "There is no dashboard" in line
    file = tmp_path / "a.json"
    file.write_bytes(own)
    (line,) = imported(nowhere, file, *far, key(reader, "write"))
    there = reader.get(f"{DASHBOARDS}/{line.split()[0]}").raise_for_status().json()
    assert (there["name"], there["owner"]) == (made["name"], "from afar")
    line = refused(nowhere, "import", file, *far, key(reader, "read"))
    assert line.startswith(f"nowline: {server.url} refused: ")
    assert not nowhere.exists()


def test_keys_for_exports_are_gone_afterwards(server: Server, reader: httpx.Client) -> None:
    made = make(reader, name())
    exported(server.folder, made["id"], "--format", "csv")
    names = [each["name"] for each in reader.get("/api/v1/keys").json()["keys"]]
    assert not any("export" in each for each in names)


WRONG = {
    "neither one nor all": ((), "DASHBOARD: name one"),
    "one and all": (("a", "--all"), "DASHBOARD: name one"),
    "all on standard output": (("--all",), "--output: is needed with --all"),
    "an ending": (("a", "-o", "a.docx"), "--format: is needed, since .docx is none of"),
    "a range of a document": (("a", "--range", "1h"), "--range: says what csv, pdf and png show"),
    "a key without an address": (("a", "--key", "k"), "--url: is needed with --key"),
    "an address without a key": (("a", "--url", "http://127.0.0.1:1"), "--key: is needed"),
    "no address": (("a", "--url", "http://a:b", "--key", "k"), "--url: is no address"),
    "nobody there": (("a", "--url", "http://127.0.0.1:1", "--key", "k"), "does not answer"),
    "unknown": (("no such dashboard",), "There is no dashboard 'no such dashboard'; there is "),
    "a parameter": (("Shop", "--format", "png", "--width", "9"), "width"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_exported_is_said_in_a_line(
    server: Server, reader: httpx.Client, what: str
) -> None:
    if "Shop" not in listed(reader):
        make(reader, "Shop")
    arguments, said = WRONG[what]
    assert said in refused(server.folder, "export", *arguments)


def test_two_of_one_name_are_told_by_their_ids(server: Server, reader: httpx.Client) -> None:
    title = name()
    ids = {make(reader, title)["id"] for _ in range(2)}
    line = refused(server.folder, "export", title)
    assert line.startswith(f"nowline: 2 dashboards are called {title!r}: ")
    assert ids <= set(line.rstrip(".").replace(",", "").split())


def test_a_folder_without_a_server_has_its_dashboards(data_dir: Path, tmp_path: Path) -> None:
    server = Server(data_dir)
    with server:
        with server.alice() as client:
            make(client, "Shop")
        assert server.stop() == 0
    file = tmp_path / "shop.yaml"
    exported(data_dir, "Shop", "-o", file)
    assert len(imported(data_dir, file)) == 1
    line = refused(data_dir, "export", "Shop", "--format", "pdf")
    assert (
        line == f"nowline: No server runs on {data_dir}: start one with `nowline up` or give --url"
    )
    with server, server.alice() as client:
        assert [each["name"] for each in all_of(client)] == ["Shop", "Shop"]


def test_there_has_to_be_a_folder_and_an_admin(data_dir: Path, tmp_path: Path) -> None:
    assert "There is no folder" in refused(data_dir, "export", "a")
    assert not data_dir.exists()
    run(data_dir, "key", "create", "a", "--scope", "read")
    file = tmp_path / "a.yaml"
    file.write_text("name: Shop\nwidgets: []\n")
    assert "see `nowline user create`" in refused(data_dir, "import", file)
    assert "No such file" in refused(data_dir, "import", tmp_path / "b.yaml")
    assert "has no .json" in refused(data_dir, "import", data_dir)
