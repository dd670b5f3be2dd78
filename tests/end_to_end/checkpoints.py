"""An application that checkpoints for itself, in every mode, while it writes.

usage: checkpoints.py DATABASE --seed N --rounds N --timeout MS --who same|other
`same`: one connection writes and checkpoints; `other`: a second connection of this process does it.
Prints what it did and how long its checkpoints took; exit code 1 for any error of a writer.
"""

import argparse
import os
import random
import sqlite3
import sys
import time

import bank

MODES = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")


def connect(path: str, timeout_ms: int, automatic: int) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=timeout_ms / 1000)
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute(f"PRAGMA wal_autocheckpoint={automatic}")
    return database


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("database")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--timeout", type=int, default=0)
    options.add_argument("--who", choices=("same", "other"), default="same")
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    automatic = chance.choice([0, 100, 1000])
    writer = connect(chosen.database, chosen.timeout, automatic)
    other = connect(chosen.database, chosen.timeout, automatic)
    print("ready", flush=True)
    errors = committed = largest = 0
    took: dict[str, list[int]] = {mode: [] for mode in MODES}
    refused = dict.fromkeys(MODES, 0)
    for _ in range(chosen.rounds):
        for _ in range(chance.choice([1, 5, 40])):
            try:
                bank.transfer(writer, chance)
                committed += 1
            except sqlite3.Error as error:
                errors += 1
                print(f"writer: {error}")
        largest = max(largest, os.path.getsize(chosen.database + "-wal"))
        mode, began = chance.choice(MODES), time.monotonic()
        checkpointer = writer if chosen.who == "same" else other
        refused[mode] += checkpointer.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]
        took[mode].append(int((time.monotonic() - began) * 1e6))
    print(f"committed={committed} errors={errors} largest_wal={largest}")
    for mode, times in took.items():
        if times:
            times.sort()
            print(f"{mode}_median_us={times[len(times) // 2]} {mode}_max_us={times[-1]} "
                  f"{mode}_made={len(times)} {mode}_busy={refused[mode]}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
