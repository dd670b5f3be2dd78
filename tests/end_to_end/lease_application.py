"""An application on one host, for the nemesis: it writes into its own database whenever it may, and
remembers of each acknowledged row when it was begun and when COMMIT had returned.

A row's token is never used twice. Each acknowledged one is a line of the journal: token, begin, end
(monotonic seconds). What failed, or whose outcome is unknown, is not.

usage: lease_application.py DATABASE --journal FILE [--extension FILE]
Runs until it is killed, or its parent ends. The database need not be there yet.
"""

import argparse
import os
import sqlite3
import sys
import time

PAUSE = 0.01  # seconds, between two rows, and when nobody accepts


def open_database(path: str, extension: str | None) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    if extension:
        connection.enable_load_extension(True)
        connection.load_extension(extension)
    return connection


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("--journal", required=True)
    parser.add_argument("--extension")
    options = parser.parse_args()
    parent, connection, number = os.getppid(), None, 0
    with open(options.journal, "a", buffering=1, encoding="ascii") as journal:
        while os.getppid() == parent:
            number += 1
            token = f"row-{os.getpid()}-{number}-{os.urandom(6).hex()}"
            begun_at = time.monotonic()
            try:
                connection = connection or open_database(options.database, options.extension)
                connection.execute("INSERT INTO ledger VALUES (?)", (token,))
            except sqlite3.Error:
                if connection:
                    connection.close()
                connection = None
            else:
                journal.write(f"{token}\t{begun_at:.6f}\t{time.monotonic():.6f}\n")
            time.sleep(PAUSE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
