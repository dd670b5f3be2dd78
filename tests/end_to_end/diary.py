"""A diary: an application commits at random, and after each commit what SQLite says of the database is
kept. So any later copy can be held against what the database was at that very transaction.
"""

import hashlib
import sqlite3
import time

from harness import Cluster, expect, wait_until

STATEMENTS = (
    "INSERT INTO note SELECT NULL, hex(randomblob(abs(random() % 400))) FROM note LIMIT 1 + abs(random() % 40)",
    "UPDATE note SET text = hex(randomblob(abs(random() % 300))) WHERE id % 7 = abs(random() % 7)",
    "DELETE FROM note WHERE id % 5 = abs(random() % 5) AND id > 1",
    "INSERT INTO note VALUES (NULL, hex(zeroblob(30000)))",
    "CREATE TABLE IF NOT EXISTS extra(a, b); INSERT INTO extra SELECT id, text FROM note LIMIT 50",
    "DROP TABLE IF EXISTS extra",
    "INSERT INTO words SELECT text FROM note ORDER BY random() LIMIT 5",
)


class Diary:
    """The application: `states[n]` is what SQLite says after its n-th commit, `times[n]` a time after
    that and before the next."""

    def __init__(self, cluster: Cluster, chance):
        self.chance = chance
        self.database = cluster.database
        self.connection = sqlite3.connect(cluster.database, isolation_level=None)
        self.states = []
        self.times = []

    def note(self) -> None:
        self.states.append(describe(self.connection))

    def commit(self) -> None:
        if self.chance.random() < 0.06:
            self.connection.execute("VACUUM")
        else:
            script = self.chance.choice(STATEMENTS)
            self.connection.executescript(
                f"BEGIN IMMEDIATE; {script}; UPDATE tick SET n = n + 1; COMMIT")
        self.note()


def describe(connection) -> str:
    digest = hashlib.sha256()
    for line in connection.iterdump():
        digest.update(line.encode())
    return digest.hexdigest()


def create(cluster: Cluster) -> None:
    cluster.database = cluster.folder / "app.db"
    cluster.execute("PRAGMA journal_mode = WAL; CREATE TABLE tick(n); INSERT INTO tick VALUES (0); "
                    "CREATE TABLE note(id INTEGER PRIMARY KEY, text); CREATE INDEX by_text ON note(text); "
                    "INSERT INTO note VALUES (1, 'one'); CREATE VIRTUAL TABLE words USING fts5(word)")


def write_diary(cluster, chance, publisher, commits: int, at_a_mark=None) -> tuple[Diary, int]:
    """Returns the seq of the diary's first state, too. `at_a_mark` is called with the last seq, once every
    twenty commits."""
    diary = Diary(cluster, chance)
    diary.note()
    publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
    first = publisher.status()["seq"]
    done = publisher.run("snapshot")
    expect(done.returncode == 0, done.stderr)
    for number in range(commits):
        diary.commit()
        if number % 20 == 10:
            wait_until("it is recorded", lambda: publisher.status()["seq"] == first + number + 1)
            diary.times.append((number + 1, time.time()))
            if at_a_mark:
                at_a_mark(first + number + 1)
            time.sleep(0.01)
        if number == commits // 2:
            done = publisher.run("snapshot")
            expect(done.returncode == 0, done.stderr)
    wait_until("all is recorded", lambda: publisher.status()["seq"] == first + commits)
    return diary, first
