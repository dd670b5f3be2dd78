"""An application that writes to whichever of several databases accepts, one row a transaction, and
measures for how long none did. The rows are of a table of its own.

usage: roamer.py DATABASE… --rate N --report FILE [--first NUMBER] [--patience SECONDS]
--patience is the busy timeout: none, unless the writer is to be as patient as applications are.
Says "ready" after its first row; on SIGTERM writes what it saw as JSON and ends.
"""

import argparse
import json
import pathlib
import signal
import sqlite3
import sys
import time

PAUSE_SECONDS = 0.0005  # when one refused
GAP_SECONDS = 0.010     # told from this on; shorter ones are ordinary commits


class Roamer:
    def __init__(self, databases: list[str], patience: float = 0):
        self.databases, self.patience = databases, patience
        self.current = 0
        self.connection: sqlite3.Connection | None = None
        self.committed: list[int] = []
        self.gaps: list[dict] = []
        self.last_at = 0.0
        self.last_database = 0
        self.refused = 0

    def write(self, number: int) -> bool:
        try:
            if self.connection is None:
                self.connection = sqlite3.connect(f"file:{self.databases[self.current]}?mode=rw",
                                                  uri=True, timeout=self.patience, isolation_level=None)
                self.connection.execute("PRAGMA synchronous=NORMAL")
                self.connection.execute("CREATE TABLE IF NOT EXISTS roam(id INTEGER PRIMARY KEY)")
            self.connection.execute("INSERT INTO roam VALUES (?)", (number,))
        except sqlite3.Error:
            self.refused += 1
            if self.connection is not None:
                self.connection.close()
            self.connection, self.current = None, (self.current + 1) % len(self.databases)
            return False
        self.note(number)
        return True

    def note(self, number: int) -> None:
        now = time.monotonic()
        moved = self.last_database != self.current
        if self.committed and (moved or now - self.last_at >= GAP_SECONDS):
            self.gaps.append({"ms": (now - self.last_at) * 1000, "from": self.last_database,
                              "to": self.current, "at": now})
        self.last_at, self.last_database = now, self.current
        self.committed.append(number)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("databases", nargs="+")
    options.add_argument("--rate", type=float, required=True)
    options.add_argument("--report", type=pathlib.Path, required=True)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--patience", type=float, default=0)
    chosen = options.parse_args()
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    roamer, number = Roamer(chosen.databases, chosen.patience), chosen.first - 1
    next_at = begun = time.monotonic()
    while not stop:
        number += 1  # refused or not: a number is never used twice
        if not roamer.write(number):
            time.sleep(PAUSE_SECONDS)
            continue
        if len(roamer.committed) == 1:
            print("ready", flush=True)
        next_at = max(next_at + 1 / chosen.rate, time.monotonic() - 0.1)
        time.sleep(max(0.0, next_at - time.monotonic()))
    chosen.report.write_text(json.dumps({
        "committed": roamer.committed, "gaps": roamer.gaps, "refused": roamer.refused,
        "seconds": time.monotonic() - begun}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
