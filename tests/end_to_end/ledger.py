"""An application that outlives its primary: it writes to whichever of several databases accepts, and
remembers every row whose COMMIT it was told to have succeeded.

A row is a token that is never used twice. Each acknowledged one is a line of the journal: token,
number of the database, monotonic time in seconds. What failed, or whose outcome is unknown, is not.
Errors that an application cannot expect from a takeover (all but SQLITE_BUSY) go to FILE.errors.

usage: ledger.py DATABASE --create
       ledger.py DATABASE... --journal FILE [--rate R] [--extension FILE] [--synchronous MODE]
                 [--patience SECONDS]
Says "ready", runs until SIGTERM, prints what it did. The databases need not be there yet.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import sqlite3
import sys
import time
from typing import Iterable, NamedTuple

SCHEMA = "CREATE TABLE ledger(token TEXT NOT NULL)"
NOT_THERE_YET = "no such table: ledger"  # of a standby that has nothing yet
PAUSE = 0.001  # seconds, when nobody accepts


class Acknowledged(NamedTuple):
    token: str
    database: int
    time: float


def create(path: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(SCHEMA)


def parse_journal(text: str) -> list[Acknowledged]:
    """Without a last line that a kill left unfinished: it was not told to anybody."""
    rows = [line.split("\t") for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [Acknowledged(token, int(database), float(at)) for token, database, at in rows]


def longest_gap_ms(rows: Iterable[Acknowledged]) -> float:
    """The longest time in which no write succeeded, between the first and the last that did."""
    times = [row.time for row in rows]
    return max((later - sooner for sooner, later in zip(times, times[1:])), default=0.0) * 1000


def changes_of_database(rows: Iterable[Acknowledged]) -> list[int]:
    """The databases in the order in which they accepted: [0, 2] after one takeover."""
    order: list[int] = []
    for row in rows:
        if not order or order[-1] != row.database:
            order.append(row.database)
    return order


class Writer:
    def __init__(self, options: argparse.Namespace):
        self.databases, self.extension = options.databases, options.extension
        self.synchronous, self.patience = options.synchronous, options.patience
        self.journal = open(options.journal, "a", buffering=1, encoding="ascii")
        self.current, self.connection = 0, None
        self.committed = self.refused = 0

    def open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{self.databases[self.current]}?mode=rw", uri=True,
                                     timeout=self.patience, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous={self.synchronous}")
        if self.extension:
            connection.enable_load_extension(True)
            connection.load_extension(self.extension)
        return connection

    def write(self, token: str) -> bool:
        """To the present database; when it refuses, the next one is up next."""
        try:
            self.connection = self.connection or self.open()
            self.connection.execute("INSERT INTO ledger VALUES (?)", (token,))
        except sqlite3.Error as error:
            self.refused += 1
            self.note(error)
            if self.connection:
                self.connection.close()
            self.connection, self.current = None, (self.current + 1) % len(self.databases)
            return False
        self.committed += 1
        self.journal.write(f"{token}\t{self.current}\t{time.monotonic():.6f}\n")
        return True

    def note(self, error: sqlite3.Error) -> None:
        """All but SQLITE_BUSY, and a database that is not there yet, goes into FILE.errors."""
        if str(error) not in ("database is locked", "unable to open database file", NOT_THERE_YET):
            with open(self.journal.name + ".errors", "a", encoding="utf-8") as errors:
                errors.write(f"{error}\n")


def run(options: argparse.Namespace, stopping: list) -> None:
    writer, parent = Writer(options), os.getppid()
    number, next_at = 0, time.monotonic()
    while not stopping and os.getppid() == parent:
        number += 1  # refused or not: a row of unknown outcome must not be taken for another
        if not writer.write(f"row-{os.getpid()}-{number}-{os.urandom(6).hex()}"):
            time.sleep(PAUSE)
        elif options.rate:
            next_at = max(next_at + 1 / options.rate, time.monotonic() - 0.1)
            time.sleep(max(0.0, next_at - time.monotonic()))
    print(f"committed={writer.committed} refused={writer.refused}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("databases", nargs="+")
    parser.add_argument("--create", action="store_true")
    parser.add_argument("--journal", type=pathlib.Path)
    parser.add_argument("--rate", type=float, default=0, help="rows a second; 0: all it can")
    parser.add_argument("--patience", type=float, default=0, help="busy timeout in seconds")
    parser.add_argument("--extension", help="understudy_commit.so: commits wait for standbys")
    parser.add_argument("--synchronous", default="FULL", help="OFF, NORMAL or FULL")
    options = parser.parse_args()
    if options.create:
        create(options.databases[0])
        return 0
    stopping: list[bool] = []  # no threading.Event: its set() in a handler can wait for ever
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    print("ready", flush=True)
    run(options, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
