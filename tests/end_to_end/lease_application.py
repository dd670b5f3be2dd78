"""An application on one host, for the nemesis: it writes into its own database whenever it may, and keeps
a journal of when it had the write lock and of what COMMIT answered.

A row is a transaction: BEGIN IMMEDIATE, one INSERT of a token that is never used twice, a moment, COMMIT.
The journal has two lines for each that was begun (monotonic seconds):
    held    token  begin  held_from  held_to     just before COMMIT: it had the lock all that time
    commit  token  end    told|alone|refused     what COMMIT answered, and when; alone: it succeeded where
                                                 commits were to wait, and did not (they were degraded)
Without the second line the outcome is unknown. What BEGIN refuses is no row.

usage: lease_application.py DATABASE --journal FILE [--extension FILE [--may-degrade]]
Runs until it is killed, or its parent ends. The database need not be there yet.
"""

import argparse
import json
import os
import random
import sqlite3
import sys
import time

PAUSE = 0.01       # seconds, between two rows, and when nobody accepts
LONGEST_HELD = 0.015  # seconds, from BEGIN to COMMIT


def open_database(path: str, extension: str | None) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    if extension:
        connection.enable_load_extension(True)
        connection.load_extension(extension)
    return connection


def is_replicated(connection: sqlite3.Connection) -> bool:
    """By the word of the extension, of the last COMMIT."""
    said = json.loads(connection.execute("SELECT understudy_replication()").fetchone()[0])
    return said["last_commit"] == "replicated" and not said["degraded"]


def write_row(connection: sqlite3.Connection, token: str, journal, may_degrade: bool) -> None:
    begun_at = time.monotonic()
    connection.execute("BEGIN IMMEDIATE")
    held_from = time.monotonic()
    connection.execute("INSERT INTO ledger VALUES (?)", (token,))
    time.sleep(random.uniform(0, LONGEST_HELD))
    journal.write(f"held\t{token}\t{begun_at:.6f}\t{held_from:.6f}\t{time.monotonic():.6f}\n")
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        journal.write(f"commit\t{token}\t{time.monotonic():.6f}\trefused\n")
        raise
    end = time.monotonic()
    outcome = "told" if not may_degrade or is_replicated(connection) else "alone"
    journal.write(f"commit\t{token}\t{end:.6f}\t{outcome}\n")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("--journal", required=True)
    parser.add_argument("--extension")
    parser.add_argument("--may-degrade", action="store_true", help="ask of each row whether COMMIT waited for it")
    options = parser.parse_args()
    parent, connection, number = os.getppid(), None, 0
    with open(options.journal, "a", buffering=1, encoding="ascii") as journal:
        while os.getppid() == parent:
            number += 1
            try:
                connection = connection or open_database(options.database, options.extension)
                write_row(connection, f"row-{os.getpid()}-{number}-{os.urandom(6).hex()}", journal,
                          options.may_degrade)
            except sqlite3.Error:
                if connection:
                    connection.close()
                connection = None
            time.sleep(PAUSE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
