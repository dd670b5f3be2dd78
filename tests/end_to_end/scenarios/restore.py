"""Restoring any moment: an application commits at random, and after each commit what SQLite says of the
database is kept. Then random transactions are restored, by number and by time, from the node that
runs, from one that does not, and from loose files, and SQLite must say the same of the result.
"""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from diary import create, describe, write_diary  # noqa: E402
from harness import Cluster, count, expect, rounds, run_scenarios  # noqa: E402

def state_folder(node) -> pathlib.Path:
    return pathlib.Path(f"{node.database}-understudy")


def restore(program: str, *arguments: object, environment=None) -> subprocess.CompletedProcess:
    return subprocess.run([program, "restore", *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, env={**os.environ, **(environment or {})})


def expect_restored(program, diary, number, output: pathlib.Path, *arguments: object) -> None:
    output.unlink(missing_ok=True)
    done = restore(program, "--output", output, *arguments)
    expect(done.returncode == 0, f"commit {number}, {arguments}: {done.stderr}")
    connection = sqlite3.connect(output)
    try:
        expect(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)],
               f"commit {number}: SQLite finds the restored database damaged")
        expect(describe(connection) == diary.states[number],
               f"commit {number}, {arguments}: SQLite says something else of the restored database")
    finally:
        connection.close()
    count("moments restored", 1)


def any_moment(program, chance):
    with Cluster(program) as cluster:
        create(cluster)
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        commits = rounds(120, 1000)
        diary, first = write_diary(cluster, chance, publisher, commits)
        source = ("--state", state_folder(publisher))
        output = cluster.folder / "restored.db"
        for number in chance.sample(range(commits + 1), rounds(12, 200)):
            expect_restored(program, diary, number, output, *source, "--to-seq", first + number)
        for number, moment in diary.times:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:] + "Z"
            expect_restored(program, diary, number, output, *source, "--to-time", text)
        expect_restored(program, diary, commits, output, *source)
        cluster.wait_for_catch_up(standby)
        publisher.kill()
        expect_restored(program, diary, commits, output, *source)
        # The publisher's disk is gone but for one snapshot; the standby has the queue.
        snapshots = sorted((state_folder(publisher) / "snapshots").glob("*.snapshot"))
        loose = cluster.folder / "loose.snapshot"
        shutil.copy(snapshots[0], loose)
        shutil.rmtree(state_folder(publisher))
        for number in (commits, commits // 3):
            expect_restored(program, diary, number, output, "--log", state_folder(standby) / "backend.db",
                            "--log", loose, "--to-seq", first + number)


def refusals(program, chance):
    with Cluster(program) as cluster:
        create(cluster)
        publisher = cluster.publish()
        diary, first = write_diary(cluster, chance, publisher, 30)
        publisher.stop()
        folder = state_folder(publisher)
        output = cluster.folder / "restored.db"

        def refused(code: int, says: str, *arguments: object) -> None:
            done = restore(program, "--output", output, *arguments)
            expect(done.returncode == code and says in done.stderr,
                   f"{arguments}: exit code {done.returncode}, {done.stderr!r}; expected {code}, {says!r}")
            expect(not list(cluster.folder.glob("restored.db*")), f"{arguments}: something was left")
            count("restores refused", 1)

        refused(2, "there is no record 999999", "--state", folder, "--to-seq", 999999)
        refused(2, "is before what the sources have", "--state", folder, "--to-time", "2001-01-01T00:00:00Z")
        refused(2, "not a time", "--state", folder, "--to-time", "yesterday")
        refused(2, "there is no snapshot to begin from", "--log", folder / "backend.db")
        refused(2, "is a database, not its log", "--log", cluster.database)
        refused(2, "there is no ", "--log", cluster.folder / "nothing")
        done = restore(program, "--output", cluster.database, "--state", folder)
        expect(done.returncode == 2 and "exists" in done.stderr, f"an output that exists: {done.stderr}")
        wal = cluster.folder / "restored.db-wal"
        wal.write_bytes(b"somebody's")
        done = restore(program, "--output", output, "--state", folder)
        expect(done.returncode == 2 and "-wal" in done.stderr, f"a WAL in the way: {done.stderr}")
        expect(wal.read_bytes() == b"somebody's" and not output.exists(), "the WAL in the way was touched")
        wal.unlink()
        # The newest snapshot is damaged: the one before it is used. All are: nothing is made.
        snapshots = sorted((folder / "snapshots").glob("*.snapshot"))
        for left, snapshot in reversed(list(enumerate(snapshots))):
            content = bytearray(snapshot.read_bytes())
            content[100 + chance.randrange(len(content) // 2)] ^= 1 << chance.randrange(8)
            snapshot.write_bytes(content)
            if left > 0:
                expect_restored(program, diary, 30, output, "--state", folder)
                output.unlink()
            else:
                done = restore(program, "--output", output, "--state", folder)
                expect(done.returncode in (2, 4) and not output.exists(), f"all damaged: {done.stderr}")
            count("damaged snapshots", 1)


def kills(program, chance):
    """At each step, and at random instants: there is nothing under the name, and it works again."""
    with Cluster(program) as cluster:
        create(cluster)
        publisher = cluster.publish()
        diary, first = write_diary(cluster, chance, publisher, 40)
        source = ("--state", state_folder(publisher))
        output = cluster.folder / "restored.db"
        for step in ("restore_begun", "restore_laid_out", "restore_applied", "restore_synced"):
            done = restore(program, "--output", output, *source, environment={"UNDERSTUDY_DIE_AT": step})
            expect(done.returncode < 0, f"{step}: it did not die: {done.stderr}")
            expect(not output.exists(), f"{step}: there is something under the output's name")
            expect_restored(program, diary, 40, output, *source)
            expect(len(list(cluster.folder.glob("restored.db*"))) == 1, f"{step}: something was left")
            output.unlink()
            count("kill -9 at a step of a restore", 1)


if __name__ == "__main__":
    run_scenarios(any_moment, refusals, kills)
