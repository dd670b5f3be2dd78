"""Replay: a replica that no node feeds is moved on by the records of logs, to any transaction, with
readers on it, killed at every step; and refused, untouched, where the records do not go on from it.
"""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from diary import create, describe, write_diary  # noqa: E402
from harness import (Cluster, Node, count, expect, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)

STEPS = ("replay_claimed", "replay_located", "replay_joined", "replay_appended", "replay_prepared",
         "replay_published", "replay_saved")


def state_folder(database: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(f"{database}-understudy")


def replay(program: str, replica, *arguments, environment=None) -> subprocess.CompletedProcess:
    return subprocess.run([program, "replay", str(replica), *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, env={**os.environ, **(environment or {})})


def copy_log(source: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """As an operator would, of a log that is being written."""
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    origin.backup(copy)
    origin.close()
    copy.close()
    return target


def copy_database(database: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Of a database that nobody has open: page for page the same."""
    for suffix in ("", "-wal"):
        if os.path.exists(f"{database}{suffix}"):
            shutil.copy(f"{database}{suffix}", f"{target}{suffix}")
    return target


def expect_state(database: pathlib.Path, expected: str, what: str) -> None:
    connection = sqlite3.connect(database)
    try:
        expect(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], f"{what}: damaged")
        expect(describe(connection) == expected, f"{what}: SQLite says something else of the replica")
    finally:
        connection.close()


def expect_replayed(program, diary, number: int, first: int, replica, *arguments) -> None:
    done = replay(program, replica, *arguments, "--to-seq", first + number)
    expect(done.returncode == 0, f"commit {number}, {arguments}: {done.stderr}")
    position = done.stdout.strip()
    expect(position.split("/")[1] == str(first + number), f"commit {number}: it prints {position}")
    expect_state(replica, diary.states[number], f"commit {number}")
    count("replays proved by SQLite", 1)


class Recorded:
    """A primary's log of a diary, the database as it was before, and the publisher stopped."""

    def __init__(self, program, cluster, chance, commits: int):
        self.cluster = cluster
        create(cluster)
        publisher = cluster.publish("--snapshot-every", "off")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        publisher.stop()
        self.before = copy_database(cluster.database, cluster.folder / "before.db")
        publisher.start()
        self.diary, self.first = write_diary(cluster, chance, publisher, commits)
        self.diary.connection.close()
        publisher.stop()
        self.publisher = publisher
        self.log = state_folder(cluster.database)

    def replica(self, name: str) -> pathlib.Path:
        return copy_database(self.before, self.cluster.folder / name)


def any_transaction(program, chance):
    with Cluster(program) as cluster:
        commits = rounds(120, 600)
        made = Recorded(program, cluster, chance, commits)
        replica = made.replica("stepwise.db")
        for number in sorted(chance.sample(range(1, commits), 8)) + [commits]:
            expect_replayed(program, made.diary, number, made.first, replica, "--log", made.log)
        for round_number in range(rounds(6, 60)):
            replica = made.replica(f"replica{round_number}.db")
            number = chance.randrange(1, commits + 1)
            expect_replayed(program, made.diary, number, made.first, replica, "--log", made.log)
        number, moment = made.diary.times[-1]
        replica = made.replica("by-time.db")
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:] + "Z"
        before = replica.read_bytes()
        done = replay(program, replica, "--log", made.log, "--to-time", text, "--dry-run")
        expect(done.returncode == 0 and f"to transaction {made.first + number} " in done.stderr, done.stderr)
        expect(replica.read_bytes() == before and not state_folder(replica).exists(), "a dry run changed it")
        done = replay(program, replica, "--log", made.log, "--to-time", text)
        expect(done.returncode == 0, done.stderr)
        expect_state(replica, made.diary.states[number], "by time")


def a_lagging_standby(program, chance):
    """Its subscriber was down, the network is bad: a copy of the queue is carried over. Then it follows on,
    and nothing is copied anew. Readers are on it all the time."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.write_some(50)
        cluster.wait_for_catch_up(standby)
        standby.kill()
        cluster.write_some(rounds(2000, 20000))
        publisher.wait_until("it is recorded", lambda status: status["state"] == "publishing")
        carried = copy_log(state_folder(cluster.database) / "backend.db", cluster.folder / "carried.db")
        reader = cluster.read(standby.database)
        done = replay(program, standby.database, "--log", carried)
        expect(done.returncode == 0, done.stderr)
        reader.finish()
        cluster.write_some(50)
        standby.start()
        cluster.expect_equal(standby)
        expect("resync" not in standby.log_text().split("node_started")[-1], "it was copied anew")
        count("lagging standbys brought up", 1)


def several_logs(program, chance):
    """Parts of the queue, as a rotated archive has them: in any order, joined; and with a hole, named."""
    with Cluster(program) as cluster:
        create(cluster)
        publisher = cluster.publish("--snapshot-every", "off", "--keep-bytes", "64KiB")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        publisher.stop()
        before = copy_database(cluster.database, cluster.folder / "before.db")
        publisher.start()
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        parts, first = [], publisher.status()["seq"]
        connection = sqlite3.connect(cluster.database, isolation_level=None)
        states = [describe(connection)]
        for _ in range(6):
            # Half of what the queue holds: it may be trimmed before it is copied, and these are still there.
            for _ in range(40):
                connection.execute("INSERT INTO note VALUES (NULL, hex(randomblob(150)))")
                states.append(describe(connection))
            wait_until("it is recorded", lambda: publisher.status()["seq"] == first + len(states) - 1)
            parts.append(copy_log(state_folder(cluster.database) / "backend.db",
                                  cluster.folder / f"part{len(parts)}.db"))
            time.sleep(1.5)  # the queue is trimmed each second
        connection.close()
        publisher.stop()
        bases = [sqlite3.connect(part).execute("SELECT min(first_seq) FROM batch").fetchone()[0]
                 for part in parts]
        expect(bases[-1] > first + 41, f"the queue was not trimmed, and nothing is tried: {bases}")
        logs = [argument for part in chance.sample(parts, len(parts)) for argument in ("--log", part)]
        replica = copy_database(before, cluster.folder / "replica.db")
        done = replay(program, replica, *logs)
        expect(done.returncode == 0, done.stderr)
        expect_state(replica, states[-1], "of several logs")
        replica = copy_database(before, cluster.folder / "holed.db")
        content = replica.read_bytes()
        # Without any record about it: its pages tell where it stands, and the last part knows no such state.
        done = replay(program, replica, "--log", parts[-1])
        expect(done.returncode == 2 and "is no state of these logs" in done.stderr, done.stderr)
        done = replay(program, replica, "--log", parts[0], "--log", parts[-1])
        expect(done.returncode == 2 and f"to {bases[-1] - 1} are missing" in done.stderr,
               f"a hole in between: {done.stderr}; {bases}")
        expect(replica.read_bytes() == content and not state_folder(replica).exists(), "it was touched")
        done = replay(program, replica, "--log", parts[0], "--to-seq", first + 20)
        expect(done.returncode == 0, done.stderr)
        done = replay(program, replica, "--log", parts[-1])
        expect(done.returncode == 2 and f"records {first + 21} to {bases[-1] - 1} are missing" in done.stderr,
               f"a hole in front: {done.stderr}; {bases}")
        expect_state(replica, states[20], "refused for a hole")
        count("holes named", 2)


def refusals(program, chance):
    with Cluster(program) as cluster:
        made = Recorded(program, cluster, chance, 30)
        replica = made.replica("replica.db")
        content = replica.read_bytes()

        def refused(code: int, says: str, target, *arguments) -> None:
            done = replay(program, target, *arguments)
            expect(done.returncode == code and says in done.stderr,
                   f"{arguments}: exit code {done.returncode}, {done.stderr!r}; expected {code}, {says!r}")
            expect(replica.read_bytes() == content and not state_folder(replica).exists(),
                   f"{arguments}: the replica was touched")
            count("replays refused", 1)

        refused(2, "is a primary's", cluster.database, "--log", made.log)
        refused(2, "there is no database", cluster.folder / "nothing.db", "--log", made.log)
        refused(2, "there is no record", replica, "--log", made.log, "--to-seq", 99999)
        refused(2, "is before what the sources have", replica, "--log", made.log,
                "--to-time", "2001-01-01T00:00:00Z")
        refused(2, "is a database, not its log", replica, "--log", cluster.database)
        other = cluster.folder / "other.db"
        sqlite3.connect(other).executescript("PRAGMA journal_mode = WAL; CREATE TABLE other(a)").close()
        refused(2, "is no state of these logs", other, "--log", made.log)
        # Damage anywhere in the log: what is in the way of the replica is found before it is applied.
        damaged = cluster.folder / "damaged.db"
        for _ in range(rounds(10, 200)):
            copy_log(made.log / "backend.db", damaged)
            connection = sqlite3.connect(damaged)
            rowid, blob = chance.choice(connection.execute("SELECT id, payload FROM batch").fetchall())
            changed = bytearray(blob)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            connection.execute("UPDATE batch SET payload = ? WHERE id = ?", (bytes(changed), rowid))
            connection.commit()
            connection.close()
            victim = made.replica("victim.db")
            done = replay(program, victim, "--log", damaged)
            expect(done.returncode == 4, f"a flipped bit: exit code {done.returncode}: {done.stderr}")
            connection = sqlite3.connect(victim)
            expect(describe(connection) in made.diary.states, "a damaged record was applied")
            connection.close()
            for left in cluster.folder.glob("victim.db*"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            count("flipped bits found", 1)


def forks(program, chance):
    """A log of the branch that lost: what it alone has is kept, when the replica does not show it."""
    with Cluster(program) as cluster:
        made = Recorded(program, cluster, chance, 20)
        replica = made.replica("replica.db")
        expect_replayed(program, made.diary, 10, made.first, replica, "--log", made.log)
        other = made.replica("other.db")
        expect_replayed(program, made.diary, 15, made.first, other, "--log", made.log)
        heir = Node.standby(program, "heir", cluster.folder / "heir.db", "tcp://127.0.0.1:9")
        cluster.nodes.append(heir)
        copy_database(made.before, heir.database)
        expect_replayed(program, made.diary, 12, made.first, heir.database, "--log", made.log)
        heir.start()
        wait_until("it is located", lambda: (heir.status() or {}).get("durable_seq") is not None)
        done = heir.run("promote", "--force")
        expect(done.returncode == 0, done.stdout + done.stderr)
        connection = sqlite3.connect(heir.database)
        connection.execute("INSERT INTO note VALUES (NULL, 'of the heir')")
        connection.commit()
        connection.close()
        wait_until("it is recorded", lambda: heir.status()["seq"] == made.first + 14)
        heir.stop()
        log = state_folder(heir.database)
        # Behind the point where they part: moved on along the new branch.
        done = replay(program, replica, "--log", log, "--log", made.log)
        expect(done.returncode == 0, done.stderr)
        expect("of the heir" in cluster.execute("SELECT text FROM note", replica), "the wrong branch")
        # Beyond it: refused, with the reason.
        done = replay(program, other, "--log", log)
        expect(done.returncode == 2 and "resync it, or restore a new one" in done.stderr, f"beyond: {done.stderr}")
        # Its log had gone the old way already, and it does not show that yet: kept, and taken back.
        ahead = made.replica("ahead.db")
        done = replay(program, ahead, "--log", made.log, "--to-seq", made.first + 15,
                      environment={"UNDERSTUDY_DIE_AT": "replay_appended"})
        expect(done.returncode == -signal.SIGKILL, f"it did not die: {done.stderr}")
        done = replay(program, ahead, "--log", log, "--log", made.log,
                      environment={"UNDERSTUDY_DIE_AT": "replay_put_aside"})
        expect(done.returncode == -signal.SIGKILL, f"nothing was put aside: {done.stderr}")
        done = replay(program, ahead, "--log", log, "--log", made.log)
        expect(done.returncode == 0, done.stderr)
        expect("of the heir" in cluster.execute("SELECT text FROM note", ahead), "the wrong branch")
        kept = subprocess.run([program, "orphans", str(ahead)], capture_output=True, text=True)
        expect("3 transactions" in kept.stdout, f"what it alone had is gone: {kept.stdout}{kept.stderr}")
        count("branches told apart", 3)


def kills(program, chance):
    """At each step, and at random instants; then again, and again from a subscriber's start."""
    with Cluster(program) as cluster:
        commits = 60
        made = Recorded(program, cluster, chance, commits)
        for step in STEPS:
            replica = made.replica(f"{step}.db")
            number = chance.randrange(20, commits)
            done = replay(program, replica, "--log", made.log, "--to-seq", made.first + number,
                          environment={"UNDERSTUDY_DIE_AT": step})
            expect(done.returncode == -signal.SIGKILL, f"{step}: it did not die: {done.stderr}")
            connection = sqlite3.connect(replica)
            expect(describe(connection) in made.diary.states, f"{step}: it shows half a transaction")
            connection.close()
            done = replay(program, replica, "--log", made.log)
            expect(done.returncode == 0, f"{step}, again: {done.stderr}")
            expect_state(replica, made.diary.states[commits], f"{step}, again")
            count("kill -9 at a step of a replay", 1)
        for number in range(rounds(8, 100)):
            replica = made.replica(f"random{number}.db")
            process = subprocess.Popen([program, "replay", str(replica), "--log", str(made.log)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            let_run(chance, 0.0, 0.03)
            process.kill()
            process.wait()
            done = replay(program, replica, "--log", made.log)
            expect(done.returncode == 0, f"killed at random, again: {done.stderr}")
            expect_state(replica, made.diary.states[commits], "killed at random, again")
            count("kill -9 of a replay at random", 1)


if __name__ == "__main__":
    run_scenarios(any_transaction, a_lagging_standby, several_logs, refusals, forks, kills)
