"""Run the measurements: `python -m bench [NAME …] [--quick | --seconds N]`; without a name, all."""

from __future__ import annotations

import argparse
import subprocess
import sys

SCRIPTS = {
    "start": "from start to ready, cold and warm",
    "idle": "CPU and memory with the host collector, with nobody and one dashboard watching",
    "latency": "from ingest to a frame at the viewer",
    "ingest": "points taken in per second, beside other databases",
    "connections": "idle WebSockets: memory of each, and how many are taken in per second",
    "fanout": "a message to ten thousand readers, beside a loop of send() and other servers",
    "store": "rows and roll-ups into the store while it compacts",
    "query": "a dashboard's questions over weeks and a year of data",
    "client": "nanoseconds that a call of the client library takes",
    "web": "the page in Chromium: first visit, drawing, zooming, updates, Lighthouse; Netdata's",
}

_WITH_PEERS = ("query", "fanout")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="; ".join(f"{name}: {what}" for name, what in SCRIPTS.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--quick", action="store_true", help="a few seconds each, to try them out")
    parser.add_argument("--seconds", type=int, help="how long each measures")
    parser.add_argument(
        "--peers", action="store_true", help="query, fanout: measure other products too"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(SCRIPTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    seconds = asked.seconds or (5 if asked.quick else None)
    more = [] if seconds is None else ["--seconds", str(seconds)]
    failed = 0
    for name in asked.names or SCRIPTS:
        print(f"\n{name}: {SCRIPTS[name]}", flush=True)
        own = ["--peers"] if asked.peers and name in _WITH_PEERS else []
        failed += subprocess.call([sys.executable, "-m", f"bench.{name}", *more, *own]) != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
