"""The drawing process: reads sheets from its standard input, writes files to its standard output.

It ends when its input does, so it never outlives the server.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from nowline import logs
from nowline.errors import Code, NowlineError
from nowline.model.sheet import Sheet
from nowline.render.wire import HEAD, Done, Refused, Reply, framed, length

MOST_MEMORY: Final = 3 << 30
"""Bytes of address space: what a picture of the greatest size needs, several times over."""
_NICER: Final = 5


def main() -> None:
    """Draw until there is nothing more to read."""
    logs.configure()
    # They tell each font that they look at, and each table of those that they embed.
    for name in ("fontTools", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    _be_modest()
    # What a library prints must not get between the files.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        run(sys.stdin.buffer, output)


def run(source: BinaryIO, target: BinaryIO) -> None:
    """Say that all is loaded, then draw what comes from a source."""
    from nowline.render.document import render  # noqa: PLC0415 - within the limits set before

    _send(target, b"")
    decoder = msgspec.msgpack.Decoder(Sheet)
    while len(head := source.read(HEAD)) == HEAD:
        reply = _reply(render, decoder.decode(source.read(length(head))))
        _send(target, msgspec.msgpack.encode(reply))


def _send(target: BinaryIO, body: bytes) -> None:
    target.write(framed(body))
    target.flush()


def _reply(render: Callable[[Sheet], bytes], sheet: Sheet) -> Reply:
    try:
        return Done(render(sheet))
    except NowlineError as error:
        return Refused(error.code, error.detail)
    except MemoryError:
        detail = "The file would take too much memory: ask for a smaller one, or a shorter range."
        return Refused(Code.UNPROCESSABLE, detail)


def _be_modest() -> None:
    """Leave the machine to those who serve."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICER)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every platform

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    main()
