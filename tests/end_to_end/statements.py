"""An application that runs any statement SQLite knows, at random, on one database.

usage: statements.py DATABASE --seed N --rounds N
       statements.py DATABASE --create --page-size N --encoding NAME --auto-vacuum N
Says "ready", makes its rounds (or stops at SIGTERM) and prints what it did; exit code 1 when SQLite
said anything that is not the fault of the statement itself: busy, locked, damaged, no space.
"""

import argparse
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys

TABLES = 6
KEYS = 400
MOST_BYTES = 96 << 20  # of database; beyond, rows go
CONFLICT_CLAUSES = ("", "OR ABORT", "OR FAIL", "OR IGNORE", "OR REPLACE", "OR ROLLBACK")
NOT_THE_STATEMENTS_FAULT = ("locked", "busy", "malformed", "not a database", "disk", "full", "i/o")

FIXED_SCHEMA = """
CREATE TABLE tick(id INTEGER PRIMARY KEY CHECK(id = 1), n INTEGER NOT NULL);
INSERT INTO tick VALUES (1, 0);
CREATE TABLE audit(n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, old, new);
CREATE TABLE blobs(id INTEGER PRIMARY KEY, content BLOB);
CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child(id INTEGER PRIMARY KEY,
  parent INTEGER REFERENCES parent(id) ON DELETE CASCADE ON UPDATE CASCADE,
  name TEXT REFERENCES parent(name) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE INDEX child_by_parent ON child(parent);
CREATE VIRTUAL TABLE words USING fts5(title, body, prefix='2 3');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label TEXT);
CREATE VIEW both_sides AS SELECT parent.id AS id, child.id AS c FROM parent JOIN child ON parent.id = child.parent;
CREATE TRIGGER through_view INSTEAD OF DELETE ON both_sides BEGIN DELETE FROM parent WHERE id = old.id; END;
"""

TABLE_KINDS = (
    "CREATE TABLE {t}(k INTEGER PRIMARY KEY, a, b, c TEXT DEFAULT 'c')",
    "CREATE TABLE {t}(k PRIMARY KEY, a, b UNIQUE, c TEXT) WITHOUT ROWID",
    "CREATE TABLE {t}(k INTEGER PRIMARY KEY AUTOINCREMENT, a, b CHECK(b IS NOT 13), c NOT NULL DEFAULT 0)",
    "CREATE TABLE {t}(k TEXT PRIMARY KEY ON CONFLICT REPLACE, a, b, c, UNIQUE(a, b) ON CONFLICT IGNORE)",
    "CREATE TABLE {t}(k INT PRIMARY KEY, a ANY, b ANY, c TEXT) STRICT",
    "CREATE TABLE {t}(k INTEGER PRIMARY KEY, a, b, c, v AS (length(a)), s AS (coalesce(b, 0) || 'x') STORED)",
    "CREATE TABLE {t} AS SELECT value AS k, hex(randomblob(20)) AS a, value % 7 AS b, NULL AS c "
    "FROM (WITH RECURSIVE r(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM r LIMIT 50) SELECT * FROM r)",
)


def create(options: argparse.Namespace) -> None:
    database = sqlite3.connect(options.database, isolation_level=None)
    database.execute(f"PRAGMA page_size={options.page_size}")
    database.execute(f"PRAGMA encoding='{options.encoding}'")
    database.execute(f"PRAGMA auto_vacuum={options.auto_vacuum}")
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript("BEGIN;" + FIXED_SCHEMA + "COMMIT;")
    database.close()


class Application:
    """One connection and what it does with it. Each method named in ACTIONS is one round."""

    def __init__(self, path: str, seed: int):
        self.path = path
        self.chance = random.Random(seed)
        self.serial = seed % 1000
        self.database = sqlite3.connect(path, timeout=30, isolation_level=None)
        for pragma in ("foreign_keys=ON", "recursive_triggers=ON",
                       f"synchronous={self.chance.choice(['OFF', 'NORMAL', 'FULL'])}",
                       f"wal_autocheckpoint={self.chance.choice([1, 50, 1000, 1000, 0])}"):
            self.database.execute(f"PRAGMA {pragma}")
        self.done = self.refused = self.rolled_back = 0

    def run(self, sql: str, parameters: tuple = ()) -> None:
        """One statement. It may be refused for what it says, never for what else goes on."""
        try:
            self.database.execute(sql, parameters).fetchall()
            self.done += 1
        except sqlite3.Error as error:
            if any(word in str(error).lower() for word in NOT_THE_STATEMENTS_FAULT):
                if "table is locked" not in str(error):  # a statement of our own is open
                    raise RuntimeError(f"{sql[:200]}: {error}") from error
            self.refused += 1

    def round(self) -> None:
        actions, weights = zip(*ACTIONS)
        self.chance.choices(actions, weights)[0](self)

    # What statements are made of.

    def table(self) -> str:
        return f"t{self.chance.randrange(TABLES)}"

    def key(self) -> int:
        return self.chance.randrange(KEYS)

    def value(self):
        return self.chance.choice([None, self.chance.randrange(-9, 99), self.chance.random(), "ä€😀" * 9,
                                   "x" * self.chance.randrange(3000),
                                   self.chance.randbytes(self.chance.randrange(600))])

    # Rows.

    def insert(self) -> None:
        clause = self.chance.choice(CONFLICT_CLAUSES)
        self.run(f"INSERT {clause} INTO {self.table()}(k, a, b) VALUES (?1, ?2, ?3), (?1 + 1, ?3, ?2)",
                 (self.key(), self.value(), self.value()))

    def upsert(self) -> None:
        self.run(f"INSERT INTO {self.table()}(k, a, b) VALUES (?, ?, ?) ON CONFLICT(k) DO UPDATE "
                 "SET a = excluded.a, b = b + 1 WHERE k % 3", (self.key(), self.value(), self.key()))

    def update(self) -> None:
        clause = self.chance.choice(CONFLICT_CLAUSES)
        self.run(f"UPDATE {clause} {self.table()} SET a = ?, b = ? WHERE k BETWEEN ? AND ? RETURNING k",
                 (self.value(), self.value(), self.key(), self.key()))

    def move_keys(self) -> None:
        self.run(f"UPDATE {self.chance.choice(CONFLICT_CLAUSES)} {self.table()} SET k = k + ?",
                 (self.chance.choice([1, KEYS]),))

    def delete(self) -> None:
        first = self.key()
        self.run(f"DELETE FROM {self.table()} WHERE k BETWEEN ? AND ?",
                 (first, first + self.chance.choice([0, 5, KEYS])))

    def truncate(self) -> None:
        self.run(f"DELETE FROM {self.table()}")

    def bulk(self) -> None:
        self.run("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT ?) INSERT OR IGNORE "
                 f"INTO {self.table()}(k, a, b) SELECT n + ?, hex(randomblob(n % 90)), n % 50 FROM r",
                 (self.chance.choice([10, 300, 1500]), self.key()))

    def copy(self) -> None:
        self.run(f"INSERT OR REPLACE INTO {self.table()}(k, a, b) SELECT k, b, a FROM {self.table()}")

    def families(self) -> None:
        self.run("INSERT OR IGNORE INTO parent VALUES (?, ?)", (self.key(), f"name {self.key()}"))
        self.run("INSERT OR REPLACE INTO child SELECT ?, id, name FROM parent ORDER BY random() LIMIT 1",
                 (self.key(),))
        self.run(self.chance.choice([
            "UPDATE parent SET id = id + 1000 WHERE id = (SELECT id FROM parent ORDER BY random() LIMIT 1)",
            "UPDATE parent SET name = name || '+' WHERE id % 10 = 3", "DELETE FROM parent WHERE id % 17 = 0",
            "DELETE FROM both_sides WHERE id IN (SELECT id FROM parent ORDER BY random() LIMIT 2)"]))

    def words(self) -> None:
        self.run("INSERT INTO words VALUES (?, ?)", (f"title {self.key()}", " ".join(
            f"w{self.chance.randrange(500)}" for _ in range(self.chance.randrange(200)))))
        self.run(self.chance.choice([
            "UPDATE words SET title = 'new' WHERE rowid % 7 = 1", "DELETE FROM words WHERE words MATCH 'w1*'",
            "INSERT INTO words(words) VALUES ('optimize')", "INSERT INTO words(words) VALUES ('rebuild')",
            "INSERT INTO words(words, rank) VALUES ('merge', 16)", "SELECT count(*) FROM words('w2*')"]))

    def boxes(self) -> None:
        x, y = self.chance.random() * 100, self.chance.random() * 100
        self.run("INSERT OR REPLACE INTO boxes VALUES (?, ?, ?, ?, ?, ?)", (self.key(), x, x + 2, y, y + 2, "b"))
        self.run(self.chance.choice(["DELETE FROM boxes WHERE x0 < 10", "UPDATE boxes SET x1 = x1 + 1 "
                                     "WHERE y0 > 90", "SELECT count(*) FROM boxes WHERE x1 > 50"]))

    # Blobs.

    def blob(self) -> None:
        size = self.chance.choice([0, 1, 511, 4096, 65_537, 1 << 20, 4 << 20])
        self.run("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (self.chance.randrange(8),
                                                                self.chance.randbytes(size)))

    def huge_blob(self) -> None:
        self.run("INSERT OR REPLACE INTO blobs VALUES (100, zeroblob(?))", (32 << 20,))
        self.write_into_blob(100)

    def write_into_some_blob(self) -> None:
        self.write_into_blob(self.chance.randrange(8))

    def write_into_blob(self, row: int) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        found = self.database.execute("SELECT length(content) FROM blobs WHERE id = ?", (row,)).fetchone()
        if found and found[0]:
            with self.database.blobopen("blobs", "content", row) as blob:
                for _ in range(self.chance.randrange(1, 20)):
                    piece = self.chance.randbytes(self.chance.randrange(1, min(found[0], 50_000) + 1))
                    blob.seek(self.chance.randrange(found[0] - len(piece) + 1))
                    blob.write(piece)
            self.done += 1
        self.database.execute("COMMIT")

    # The schema. No index on functions of text: in a UTF-16 database SQLite 3.40 itself finds such an
    # index damaged once blobs that are no text have been in its columns.

    def make_table(self) -> None:
        self.run(self.chance.choice(TABLE_KINDS).format(t=self.table()))

    def drop_table(self) -> None:
        self.run(f"DROP TABLE {self.table()}")

    def index(self) -> None:
        table = self.table()
        self.run(self.chance.choice([
            "CREATE INDEX IF NOT EXISTS {t}_i ON {t}(a, b DESC)", "CREATE UNIQUE INDEX {t}_u ON {t}(k, b)",
            "CREATE INDEX {t}_p ON {t}(b) WHERE a IS NOT NULL", "CREATE INDEX {t}_e ON {t}(k % 7, typeof(a))",
            "DROP INDEX {t}_i", "DROP INDEX {t}_u", "DROP INDEX {t}_p", "DROP INDEX {t}_e",
            "REINDEX {t}"]).format(t=table))

    def trigger(self) -> None:
        table, event = self.table(), self.chance.choice(["INSERT", "UPDATE", "DELETE"])
        new = "NULL" if event == "DELETE" else "new.a"
        old = "NULL" if event == "INSERT" else "old.a"
        self.run(self.chance.choice([
            f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN "
            f"INSERT INTO audit(what, old, new) VALUES ('{event}', {old}, {new}); END",
            f"CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} WHEN random() % 50 = 0 BEGIN "
            "SELECT raise(IGNORE); END", f"DROP TRIGGER {table}_{event}", "DELETE FROM audit"]))

    def alter(self) -> None:
        table = self.table()
        self.run(self.chance.choice([
            "ALTER TABLE {t} ADD COLUMN more DEFAULT 'm'", "ALTER TABLE {t} DROP COLUMN more",
            "ALTER TABLE {t} RENAME TO {u}", "ALTER TABLE {t} RENAME COLUMN c TO d",
            "ALTER TABLE {t} RENAME COLUMN d TO c"]).format(t=table, u=self.table()))

    def view(self) -> None:
        table = self.table()
        self.run(self.chance.choice([f"CREATE VIEW v_{table} AS SELECT k, a FROM {table}", f"DROP VIEW v_{table}",
                                     "ANALYZE", "DROP TABLE IF EXISTS sqlite_stat1"]))

    def optimize(self) -> None:
        self.run("BEGIN IMMEDIATE")  # it reads before it writes, so another writer could come between
        self.run("PRAGMA optimize")
        self.end_transaction()

    # The file.

    def pragma(self) -> None:
        self.run(self.chance.choice([
            "PRAGMA user_version={n}", "PRAGMA application_id={n}", "PRAGMA secure_delete=ON",
            "PRAGMA secure_delete=FAST", "PRAGMA secure_delete=OFF", "PRAGMA auto_vacuum=FULL",
            "PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA incremental_vacuum({n})", "PRAGMA incremental_vacuum",
            "PRAGMA cache_spill=OFF", "PRAGMA cache_spill=ON", "PRAGMA mmap_size=0",
            "PRAGMA mmap_size=100000000", "PRAGMA journal_size_limit=100000"]).format(n=self.key()))

    def vacuum(self) -> None:
        self.run("VACUUM")

    def checkpoint(self) -> None:
        self.run(f"PRAGMA wal_checkpoint({self.chance.choice(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])})")

    def attach(self) -> None:
        self.run("ATTACH ? AS other", (f"{self.path}-other{self.serial}.db",))
        self.run("CREATE TABLE IF NOT EXISTS other.rows(k, a)")
        self.run("BEGIN IMMEDIATE")
        self.run("INSERT INTO other.rows VALUES (?, ?)", (self.key(), self.value()))
        self.run(f"INSERT OR IGNORE INTO main.{self.table()}(k, a) SELECT k, a FROM other.rows LIMIT 30")
        self.end_transaction()
        self.run("DETACH other")

    def reconnect(self) -> None:
        self.database.close()
        self.database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        self.database.execute("PRAGMA foreign_keys=ON")

    def shell(self) -> None:
        """The same by another program: the sqlite3 shell, as an administrator would use it."""
        table = self.table()
        answer = subprocess.run(
            ["sqlite3", "-batch", self.path], capture_output=True, text=True, check=False, timeout=120, input=(
                f".timeout 30000\nBEGIN IMMEDIATE;\nINSERT OR IGNORE INTO {table}(k, a) VALUES ({self.key()}, 'shell');\n"
                f"UPDATE tick SET n = n + 1;\nUPDATE {table} SET b = randomblob(50) WHERE k % 11 = 0;\n"
                f"{self.chance.choice(['COMMIT', 'ROLLBACK'])};\nDELETE FROM audit WHERE n % 2;\n"))
        if any(word in answer.stderr for word in NOT_THE_STATEMENTS_FAULT):
            raise RuntimeError(f"sqlite3 shell: {answer.stderr}")
        self.done += 1

    def make_room(self) -> None:
        pages, size = (self.database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if pages * size > MOST_BYTES:
            for table in ("blobs", "audit", "words", "child"):
                self.run(f"DELETE FROM {table}")

    # Transactions of many statements.

    def transaction(self) -> None:
        self.run("BEGIN IMMEDIATE")
        self.run("UPDATE tick SET n = n + 1")
        for _ in range(self.chance.randrange(1, 12)):
            self.chance.choice(INSIDE)(self)
        self.end_transaction()

    def savepoints(self) -> None:
        self.run("BEGIN IMMEDIATE")
        for depth in range(self.chance.randrange(1, 5)):
            self.run(f"SAVEPOINT s{depth}")
            for _ in range(self.chance.randrange(1, 6)):
                self.chance.choice(INSIDE)(self)
            self.run(self.chance.choice([f"RELEASE s{depth}", f"ROLLBACK TO s{depth}", "SELECT 1"]))
        self.end_transaction()

    def spill(self) -> None:
        """More pages than the cache holds: SQLite writes frames to the WAL before there is a commit."""
        self.run("PRAGMA cache_size=5")
        self.run("BEGIN IMMEDIATE")
        for _ in range(3):
            self.bulk()
            self.run(f"UPDATE {self.table()} SET a = hex(randomblob(200))")
            if self.chance.random() < 0.3:
                self.run("SAVEPOINT deep")
                self.bulk()
                self.run("ROLLBACK TO deep")
        self.end_transaction()
        self.run("PRAGMA cache_size=-2000")

    def end_transaction(self) -> None:
        if self.database.in_transaction:  # OR ROLLBACK may have ended it
            if self.chance.random() < 0.75:
                self.run("COMMIT")
            if self.database.in_transaction:  # a commit may be refused by a foreign key
                self.run("ROLLBACK")
                self.rolled_back += 1


INSIDE = (Application.insert, Application.upsert, Application.update, Application.delete, Application.bulk,
          Application.copy, Application.families, Application.words, Application.boxes, Application.make_table,
          Application.index, Application.alter, Application.trigger)
ACTIONS = ((Application.insert, 12), (Application.upsert, 6), (Application.update, 8), (Application.move_keys, 2),
           (Application.delete, 6), (Application.truncate, 1), (Application.bulk, 5), (Application.copy, 3),
           (Application.families, 6), (Application.words, 6), (Application.boxes, 5), (Application.blob, 4),
           (Application.huge_blob, 0.15), (Application.write_into_some_blob, 5), (Application.make_table, 8),
           (Application.drop_table, 3), (Application.index, 6), (Application.trigger, 5), (Application.alter, 5),
           (Application.view, 3), (Application.optimize, 1), (Application.pragma, 6), (Application.vacuum, 0.7), (Application.checkpoint, 2),
           (Application.attach, 2), (Application.reconnect, 1), (Application.shell, 1), (Application.make_room, 2),
           (Application.transaction, 12), (Application.savepoints, 6), (Application.spill, 3))


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("database")
    options.add_argument("--create", action="store_true")
    options.add_argument("--page-size", type=int, default=4096)
    options.add_argument("--encoding", default="UTF-8")
    options.add_argument("--auto-vacuum", type=int, default=0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--rounds", type=int, default=100)
    chosen = options.parse_args()
    if chosen.create:
        create(chosen)
        return 0
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    application, made = Application(chosen.database, chosen.seed), 0
    print("ready", flush=True)
    while made < chosen.rounds and not stopping:
        application.round()
        made += 1
    application.database.close()
    for leftover in pathlib.Path(chosen.database).parent.glob(f"*-other{application.serial}.db*"):
        leftover.unlink()
    print(f"rounds={made} statements={application.done} refused={application.refused} "
          f"rollbacks={application.rolled_back}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
