"""The command line: reads settings, runs one command, and says errors in one line.

Exit codes: 0 done, 1 failed, 2 wrong usage or setting. Commands import what they run, so that
the small ones are quick.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from nowline import __version__, config, logs
from nowline.commands import arguments as taken
from nowline.commands.arguments import LOOK, choices, member_of
from nowline.errors import NowlineError, invalid
from nowline.lock import LockedError
from nowline.model.user import Role, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nowline.model.user import User

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001
    Command: TypeAlias = Callable[[argparse.Namespace], int | None]

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130
_OVERRIDES: Final = ("host", "port", "data_dir")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name; those of this process if None.

    Returns:
        The exit code; wrong usage exits by itself.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except config.ConfigError as error:
        return _fail(str(error), MISUSED)
    except (LockedError, NowlineError) as error:
        return _fail(str(error), FAILED)
    except OSError as error:
        return _fail(_described(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def up(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    logs.configure()
    settings = _prepared(arguments)
    # What is imported lives as long as the server: looking for garbage in it is a tenth of the
    # start.
    gc.disable()
    from nowline import app

    gc.enable()
    app.serve(settings)


def show_config(arguments: argparse.Namespace) -> None:
    """Print every setting, its effective value and where it came from."""
    rows = [config.Row("SETTING", "VALUE", "ORIGIN"), *config.effective(_settings(arguments))]
    variables = max(len(row.variable) for row in rows)
    values = max(len(row.value) for row in rows)
    for row in rows:
        _say(f"{row.variable:<{variables}}  {row.value:<{values}}  {row.origin}")


def create_key(arguments: argparse.Namespace) -> None:
    """Make an API key and print it, alone, on standard output."""
    from nowline.commands import access

    settings = _prepared(arguments)
    scopes = frozenset(arguments.scope)

    async def create() -> str:
        async with access.open_accounts(settings) as accounts:
            _, secret = await accounts.create_key(arguments.name, scopes, access.BY)
            return secret

    _say(asyncio.run(create()))
    _note(f"Made the key {arguments.name!r} in {settings.data_dir}; it is shown only this once.")


def create_user(arguments: argparse.Namespace) -> None:
    """Make a user with a password that is asked for, or read from standard input."""
    from nowline.commands import access

    settings = _prepared(arguments)
    password = _password()

    async def create() -> User:
        async with access.open_accounts(settings) as accounts:
            return await accounts.create_user(arguments.email, password, arguments.role, access.BY)

    user = asyncio.run(create())
    _say(f"Made the user {user.email} ({user.role.value}) in {settings.data_dir}")


def demo(arguments: argparse.Namespace) -> int:
    """Feed a running server with a simulated shop until told to stop."""
    from nowline.commands import demo as command

    logs.configure()
    options = command.Options(
        rate=arguments.rate,
        backfill=arguments.backfill,
        seed=arguments.seed,
        duration=arguments.duration,
    )
    settings = _settings(arguments)
    return asyncio.run(command.run(settings, arguments.url, arguments.key, options))


def back_up(arguments: argparse.Namespace) -> None:
    """Write everything that a data folder holds to one file, whether or not a server runs."""
    from nowline.commands import backup

    settings = _settings(arguments)
    size = backup.back_up(settings, arguments.file)
    _note(f"Backed up {settings.data_dir} to {arguments.file} ({size:,} bytes).")


def restore(arguments: argparse.Namespace) -> None:
    """Put a backup in the place of a data folder whose server is stopped."""
    from nowline.commands import backup

    folder = _settings(arguments).data_dir
    arguments.data_dir = str(folder)

    def store_of(file: Path | None) -> Path:
        return backup.store_path(_settings(arguments, file))

    done = backup.restore(folder, arguments.file, store_of, replace=arguments.replace)
    made = f"made {done.about.created_at} by Nowline {done.about.version}"
    _say(f"Restored {folder} from {arguments.file} ({made}).")
    for path in done.aside:
        _say(f"What was there is now in {path}.")


def export(arguments: argparse.Namespace) -> None:
    """Write dashboards to files."""
    from nowline.commands import boards, export

    if arguments.all == bool(arguments.dashboard):
        raise invalid("DASHBOARD", "name one by its id or its name, or give --all")
    settings = _settings(arguments)
    look = {name: getattr(arguments, f"look_{name}") for name in LOOK}
    given = {name: value for name, value in look.items() if value is not None}
    wanted = export.Wanted(arguments.dashboard, arguments.format, arguments.output, given)
    remote = boards.remote(arguments.url, arguments.key)
    asyncio.run(export.run(settings, remote, wanted, _note))


def import_files(arguments: argparse.Namespace) -> int:
    """Make dashboards of files."""
    from nowline.commands import boards, importing

    try:
        files = importing.read(arguments.files)
    except importing.BadFilesError as error:
        for reason in error.reasons:
            _fail(reason, FAILED)
        return _fail("Nothing was imported.", FAILED)
    if arguments.dry_run:
        for each in files:
            _say(f"{each.content.name!r} of {each.file} can be imported.")
        return 0
    settings = _settings(arguments)
    remote = boards.remote(arguments.url, arguments.key)
    asyncio.run(importing.run(settings, remote, arguments.owner, files, _say))
    return 0


def list_dead_letters(arguments: argparse.Namespace) -> None:
    """Print the batches that could not be taken in."""
    from nowline.commands import dead_letters

    found = dead_letters.list_all(_settings(arguments))
    for line in [dead_letters.json(found)] if arguments.json else dead_letters.table(found):
        _say(line)


def replay_dead_letters(arguments: argparse.Namespace) -> None:
    """Have batches taken in once more."""
    from nowline.commands import dead_letters

    chosen = dead_letters.choose(arguments.ids, everything=arguments.all)
    _note(f"Replayed {dead_letters.replay(_settings(arguments), chosen):,}.")


def drop_dead_letters(arguments: argparse.Namespace) -> None:
    """Delete batches for good."""
    from nowline.commands import dead_letters

    chosen = dead_letters.choose(arguments.ids, everything=arguments.all)
    _note(f"Dropped {dead_letters.drop(_settings(arguments), chosen):,}.")


def doctor(arguments: argparse.Namespace) -> int:
    """Check the installation and tell what the store keeps."""
    from nowline.commands.doctor import examine

    report = examine(lambda: _settings(arguments))
    if arguments.json:
        _say(report.json())
    else:
        for line in report.lines():
            _say(line)
    return 0 if report.is_well else FAILED


def openapi(_arguments: argparse.Namespace) -> None:
    """Print the description of the HTTP API."""
    import msgspec

    from nowline import app

    _say(msgspec.json.format(msgspec.json.encode(app.openapi())).decode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nowline", description="Real-time analytics in one process."
    )
    parser.add_argument("--version", action="version", version=f"nowline {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_up(commands)
    summary = "feed a running server with a simulated shop, marked as demo data"
    taken.of_demo(_add(commands, "demo", demo, summary))
    _add_backup(commands)
    _add_restore(commands)
    summary = "write dashboards to files: json, yaml, csv, pdf or png"
    taken.of_export(_add(commands, "export", export, summary))
    summary = "make dashboards of files that were exported, all of them or none"
    taken.of_import(_add(commands, "import", import_files, summary))
    _add_dead_letters(commands)
    _add_doctor(commands)
    _add(commands, "config", show_config, "print the effective settings and their origin")
    _add_key(commands)
    _add_user(commands)
    command = commands.add_parser("openapi", help="print the description of the HTTP API")
    command.set_defaults(run=openapi)
    return parser


def _add(commands: Commands, name: str, run: Command, summary: str) -> argparse.ArgumentParser:
    """Add a command that reads settings."""
    command = commands.add_parser(name, help=summary, description=_sentence(summary))
    command.add_argument("--data-dir", metavar="DIR", help="the data folder")
    command.add_argument(
        "--config", metavar="FILE", type=Path, help="read FILE, not nowline.toml in the data folder"
    )
    command.set_defaults(run=run, host=None, port=None)
    return command


def _add_up(commands: Commands) -> None:
    command = _add(commands, "up", up, "run the server until SIGTERM or Ctrl-C")
    command.add_argument("--host", help="the address to listen on")
    command.add_argument("--port", help="the port to listen on; 0 picks a free one")


def _add_backup(commands: Commands) -> None:
    summary = "write everything in the data folder to one file, while a server runs or not"
    command = _add(commands, "backup", back_up, summary)
    command.add_argument("file", metavar="FILE", type=Path, help="the file; - is standard output")


def _add_restore(commands: Commands) -> None:
    summary = "put a backup in the place of the data folder, with the server stopped"
    command = _add(commands, "restore", restore, summary)
    command.add_argument("file", metavar="FILE", type=Path, help="what `nowline backup` wrote")
    command.add_argument(
        "--replace", action="store_true", help="move the data that is there aside first"
    )


def _add_dead_letters(commands: Commands) -> None:
    summary = "look after batches that could not be taken in, while a server runs or not"
    group = commands.add_parser("dead-letters", help=summary, description=_sentence(summary))
    nested = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = _add(nested, "list", list_dead_letters, "list them, and why they are there")
    command.add_argument("--json", action="store_true", help="tell it as JSON")
    for name, run, summary in (
        ("replay", replay_dead_letters, "have them taken in once more"),
        ("drop", drop_dead_letters, "delete them for good"),
    ):
        command = _add(nested, name, run, summary)
        command.add_argument("ids", metavar="ID", nargs="*", help="which ones")
        command.add_argument("--all", action="store_true", help="all of them")


def _add_doctor(commands: Commands) -> None:
    summary = "check this installation, and tell what is kept and what it costs"
    command = _add(commands, "doctor", doctor, summary)
    command.add_argument("--json", action="store_true", help="tell it as JSON")


def _add_key(commands: Commands) -> None:
    group = commands.add_parser("key", help="make API keys", description="Make API keys.")
    nested = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = _add(nested, "create", create_key, "make an API key and print it, once")
    command.add_argument("name", metavar="NAME", help="what the key is for")
    command.add_argument(
        "--scope",
        type=member_of(Scope),
        action="append",
        required=True,
        metavar="SCOPE",
        help=f"what it may do: {choices(Scope)}; may be repeated",
    )


def _add_user(commands: Commands) -> None:
    group = commands.add_parser("user", help="make users", description="Make users.")
    nested = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    summary = "make a user; the password is asked for, or read from standard input"
    command = _add(nested, "create", create_user, summary)
    command.add_argument("email", metavar="EMAIL", help="the address to sign in with")
    command.add_argument(
        "--role",
        type=member_of(Role),
        required=True,
        metavar="ROLE",
        help=f"one of {choices(Role)}",
    )


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _settings(arguments: argparse.Namespace, file: Path | None = None) -> config.Settings:
    """The settings, with those of `file` where the command line names none."""
    given = {name: getattr(arguments, name) for name in _OVERRIDES}
    flags = {name: value for name, value in given.items() if value is not None}
    return config.load(os.environ, flags, arguments.config or file)


def _prepared(arguments: argparse.Namespace) -> config.Settings:
    settings = _settings(arguments)
    config.prepare(settings)
    return settings


def _password() -> str:
    """The password from standard input: asked for twice on a terminal, else its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise invalid("password", "the two are not the same")
    return password


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _fail(reason: str, code: int) -> int:
    _note(f"nowline: {' '.join(reason.split())}")
    return code


def _described(error: OSError) -> str:
    named = f"{error.filename}: " if error.filename else ""
    return f"{named}{error.strerror or error}"
