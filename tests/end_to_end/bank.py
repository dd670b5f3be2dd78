"""A bank on SQLite: load whose every transaction keeps invariants that readers can check.

One transaction moves money between two accounts, counts one tick, and writes one journal row, now
and then with a large blob; now and then the oldest journal rows go. So in every whole state the sum
of all balances is the same, the last journal row carries the tick, and the journal has no hole.

usage: bank.py write DATABASE [--writers N] [--rate R] [--timeout SECONDS] [--transactions N]
               [--synchronous MODE]
       bank.py read DATABASE
Both say "ready", run until SIGTERM (or have made N transactions each) and print what they did; exit
code 1 when something was wrong.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import time

ACCOUNTS, BALANCE = 100, 1000
SCHEMA = f"""
CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE tick(id INTEGER PRIMARY KEY CHECK(id = 1), n INTEGER NOT NULL);
CREATE TABLE journal(n INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER,
                     note TEXT, attachment BLOB);
CREATE INDEX journal_by_note ON journal(note);
INSERT INTO tick VALUES (1, 0);
WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < {ACCOUNTS})
INSERT INTO accounts SELECT id, {BALANCE} FROM ids;
INSERT INTO journal(n) VALUES (0);
"""
KEPT_JOURNAL_ROWS = 5000


def create(path: str, page_size: int = 4096) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA page_size={page_size}")
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript("BEGIN;" + SCHEMA + "COMMIT;")
    database.close()


def transfer(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("BEGIN IMMEDIATE")
    tick = database.execute("SELECT n FROM tick").fetchone()[0] + 1
    source, target, amount = chance.randint(1, ACCOUNTS), chance.randint(1, ACCOUNTS), chance.randint(1, 50)
    database.execute("UPDATE accounts SET balance = balance - ? WHERE id = ?", (amount, source))
    database.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, target))
    database.execute("UPDATE tick SET n = ?", (tick,))
    attachment = os.urandom(chance.randint(1, 200_000)) if chance.random() < 0.01 else b""
    database.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)",
                     (tick, source, target, amount, f"note {chance.getrandbits(40):x}", attachment))
    if tick % 500 == 0:
        database.execute("DELETE FROM journal WHERE n < ?", (tick - KEPT_JOURNAL_ROWS,))
    database.execute("COMMIT")


def faults_in(database: sqlite3.Connection, last_tick: int) -> tuple[list[str], int]:
    """Reads one snapshot: what is wrong with it, in words, and its tick."""
    database.execute("BEGIN")
    total = database.execute("SELECT sum(balance) FROM accounts").fetchone()[0]
    tick = database.execute("SELECT n FROM tick").fetchone()[0]
    low, high, rows = database.execute("SELECT min(n), max(n), count(*) FROM journal").fetchone()
    database.execute("COMMIT")
    faults = []
    if total != ACCOUNTS * BALANCE:
        faults.append(f"part of a transaction: balances sum up to {total}")
    if high != tick or rows != high - low + 1:
        faults.append(f"part of a transaction: tick {tick}, journal {low}..{high} in {rows} rows")
    if tick < last_tick:
        faults.append(f"time went back: tick {tick} after {last_tick}")
    return faults, tick


def write(options: argparse.Namespace, stop, counts) -> None:
    """One writer, until `stop` or `most` rounds. counts[0]: committed, counts[1]: errors."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    bank = multiprocessing.parent_process()
    rate, most = options.rate, options.transactions
    database = sqlite3.connect(options.database, timeout=options.timeout, isolation_level=None)
    database.execute(f"PRAGMA synchronous={options.synchronous}")
    chance, next_at, rounds = random.Random(), time.monotonic(), 0
    while (not stop.wait(max(0.0, next_at - time.monotonic())) and bank.is_alive()
           and (most == 0 or rounds < most)):
        rounds += 1
        try:
            transfer(database, chance)
            with counts.get_lock():
                counts[0] += 1
        except sqlite3.Error as error:
            with counts.get_lock():
                counts[1] += 1
            print(f"bank: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            if database.in_transaction:
                database.execute("ROLLBACK")
        if rate:
            next_at = max(next_at + 1 / rate, time.monotonic() - 1)
    database.close()


def run_writers(options: argparse.Namespace, stop) -> int:
    counts = multiprocessing.Array("L", 2)
    writers = [multiprocessing.Process(target=write, daemon=True, args=(options, stop, counts))
        for _ in range(options.writers)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    print(f"committed={counts[0]} errors={counts[1]}", flush=True)
    return 1 if counts[1] else 0


class Stop:
    """An event of one process: those of Python, set by a signal handler, can wait for themselves."""

    def __init__(self):
        self.is_set_now = False

    def set(self) -> None:
        self.is_set_now = True

    def is_set(self) -> bool:
        return self.is_set_now


def run_reader(options: argparse.Namespace, stop) -> int:
    """Reads snapshots; opens anew after every few hundred, as short-lived programs would."""
    reads, tick, parent = 0, 0, os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        database = sqlite3.connect(f"file:{options.database}?mode=rw", uri=True, isolation_level=None,
                                   timeout=5)
        for _ in range(300):
            if stop.is_set():
                break
            faults, tick = faults_in(database, tick)
            reads += 1
            if faults:
                print(f"reads={reads} FAULT {faults}", flush=True)
                return 1
        database.close()
    print(f"reads={reads} tick={tick}", flush=True)
    return 0


def main() -> int:
    options = argparse.ArgumentParser(description="A bank on SQLite, as load with invariants.")
    options.add_argument("role", choices=("write", "read"))
    options.add_argument("database")
    options.add_argument("--writers", type=int, default=1)
    options.add_argument("--rate", type=float, default=0, help="transactions a second; 0: all it can")
    options.add_argument("--synchronous", default="NORMAL", help="OFF, NORMAL or FULL")
    options.add_argument("--timeout", type=float, default=0, help="busy timeout in seconds")
    options.add_argument("--transactions", type=int, default=0, help="how many; 0: until SIGTERM")
    chosen = options.parse_args()
    stop = multiprocessing.Event() if chosen.role == "write" else Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print("ready", flush=True)
    return run_writers(chosen, stop) if chosen.role == "write" else run_reader(chosen, stop)


if __name__ == "__main__":
    sys.exit(main())
