"""Archives for end-to-end tests: made by the command, proved whole, and restored from, as SQLite says."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

from diary import describe
from harness import count, expect


def run(program: str, *arguments, environment=None) -> subprocess.CompletedProcess:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(environment or {})})


def archive(program: str, database, folder: pathlib.Path, *options, environment=None) -> subprocess.CompletedProcess:
    return run(program, "archive", database, "--to", folder, "--once", *options, environment=environment)


def expect_archived(program: str, database, folder: pathlib.Path, *options) -> dict:
    done = archive(program, database, folder, "--json", *options)
    expect(done.returncode == 0, f"archive: {done.stdout}{done.stderr}")
    report = json.loads(done.stdout)
    expect(report["behind_transactions"] == 0, f"it is behind: {report}")
    return report


def expect_whole(program: str, folder: pathlib.Path) -> str:
    done = run(program, "log", folder, "check")
    expect(done.returncode == 0 and "DAMAGED" not in done.stdout, f"check: {done.stdout}{done.stderr}")
    return done.stdout


def expect_restored(program, diary, first: int, number: int, folder: pathlib.Path, *more) -> None:
    output = folder.parent / "restored.db"
    output.unlink(missing_ok=True)
    done = run(program, "restore", "--log", folder, "--output", output, *(more or ("--to-seq", first + number)))
    expect(done.returncode == 0, f"commit {number}: {done.stderr}")
    connection = sqlite3.connect(output)
    try:
        expect(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)],
               f"commit {number}: SQLite finds the restored database damaged")
        expect(describe(connection) == diary.states[number], f"commit {number}: SQLite says something else of it")
    finally:
        connection.close()
    count("moments restored from an archive", 1)


def no_partials(folder: pathlib.Path) -> None:
    left = [path.name for path in folder.rglob("*.partial")]
    expect(not left, f"unfinished files are left: {left}")


def utc(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:] + "Z"


def copy_database(database: pathlib.Path, target: pathlib.Path) -> None:
    """Of a database that nobody has open: page for page the same."""
    for suffix in ("", "-wal"):
        if os.path.exists(f"{database}{suffix}"):
            shutil.copy(f"{database}{suffix}", f"{target}{suffix}")
