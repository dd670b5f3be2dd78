"""A chat application on SQLite: the kind of program that Understudy stands beside.

Several processes post, edit, delete, react and search in one database in WAL mode. It is written
as its authors would have written it, without a thought of replication. Only this much is for takeovers:
given several databases it writes to the first one that lets it, and looks again when that one fails.

usage: chat.py DATABASE… [--writers 3] [--rate 100] [--history 20000] [--seconds 0]
Ends after --seconds (0: on SIGTERM) and prints what it committed.
"""

import argparse
import multiprocessing
import random
import signal
import sqlite3
import sys
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS users(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, joined_at REAL NOT NULL, last_seen REAL);
CREATE TABLE IF NOT EXISTS rooms(
  id INTEGER PRIMARY KEY, title TEXT NOT NULL, last_message_id INTEGER, messages INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages(
  id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL REFERENCES rooms(id),
  user_id INTEGER NOT NULL REFERENCES users(id), sent_at REAL NOT NULL, edited_at REAL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_by_room ON messages(room_id, id);
CREATE INDEX IF NOT EXISTS messages_by_user ON messages(user_id, sent_at);
CREATE TABLE IF NOT EXISTS reactions(
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users(id), emoji TEXT NOT NULL,
  PRIMARY KEY(message_id, user_id, emoji)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS message_search USING fts5(
  body, content='messages', content_rowid='id');
CREATE TRIGGER IF NOT EXISTS message_added AFTER INSERT ON messages BEGIN
  INSERT INTO message_search(rowid, body) VALUES (new.id, new.body);
END;
CREATE TRIGGER IF NOT EXISTS message_removed AFTER DELETE ON messages BEGIN
  INSERT INTO message_search(message_search, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER IF NOT EXISTS message_edited AFTER UPDATE OF body ON messages BEGIN
  INSERT INTO message_search(message_search, rowid, body) VALUES ('delete', old.id, old.body);
  INSERT INTO message_search(rowid, body) VALUES (new.id, new.body);
END;
"""
WORDS = """the stage is set and every actor knows the lines curtain light rehearsal tonight who will
play if the lead falls ill understudy waits in the wings with all words in mind applause evening
matinee script scene cue prop costume audience silence music dance director chorus exit""".split()
EMOJI = ("👍", "🎭", "❤️", "😂", "👏")
MAX_MESSAGES = 100_000


def connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=5, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("PRAGMA foreign_keys=ON")
    return database


def connect_to_writable(paths: list[str], stop) -> sqlite3.Connection | None:
    """The first database that lets it write (a standby does not); waits for one, None at `stop`."""
    while not stop.is_set():
        for path in paths:
            try:
                database = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0.01,
                                           isolation_level=None)
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
                database.close()
                return connect(path)
            except sqlite3.Error:
                continue
        stop.wait(0.005)
    return None


def sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(3, 40)))


def post_message(database: sqlite3.Connection, chance: random.Random) -> None:
    room, user, now = chance.randint(1, 20), chance.randint(1, 500), time.time()
    message = database.execute(
        "INSERT INTO messages(room_id, user_id, sent_at, body) VALUES (?, ?, ?, ?)",
        (room, user, now, sentence(chance))).lastrowid
    database.execute(
        "UPDATE rooms SET last_message_id = ?, messages = messages + 1 WHERE id = ?", (message, room))
    database.execute("UPDATE users SET last_seen = ? WHERE id = ?", (now, user))


def random_message(database: sqlite3.Connection, chance: random.Random) -> int:
    low, high = database.execute("SELECT min(id), max(id) FROM messages").fetchone()
    return database.execute("SELECT id FROM messages WHERE id >= ? LIMIT 1",
                            (chance.randint(low, high),)).fetchone()[0]


def react(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("INSERT OR IGNORE INTO reactions VALUES (?, ?, ?)",
                     (random_message(database, chance), chance.randint(1, 500), chance.choice(EMOJI)))


def edit_message(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("UPDATE messages SET body = ?, edited_at = ? WHERE id = ?",
                     (sentence(chance), time.time(), random_message(database, chance)))


def delete_message(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("DELETE FROM messages WHERE id = ?", (random_message(database, chance),))


def forget_old_messages(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("DELETE FROM messages WHERE id <= (SELECT max(id) FROM messages) - ?",
                     (MAX_MESSAGES,))


def search(database: sqlite3.Connection, chance: random.Random) -> None:
    database.execute("SELECT rowid FROM message_search WHERE message_search MATCH ? LIMIT 20",
                     (chance.choice(WORDS),)).fetchall()


ACTIONS = {post_message: 70, react: 15, edit_message: 8, delete_message: 3, search: 3,
           forget_old_messages: 1}


def create(path: str, history: int) -> None:
    """Makes the schema, and in an empty database users, rooms and `history` messages."""
    database = connect(path)
    database.executescript(SCHEMA)
    if database.execute("SELECT count(*) FROM users").fetchone()[0] == 0:
        chance = random.Random(1)
        database.execute("BEGIN")
        database.executemany("INSERT INTO users(name, joined_at) VALUES (?, ?)",
                             ((f"user-{i}", time.time()) for i in range(1, 501)))
        database.executemany("INSERT INTO rooms(title) VALUES (?)",
                             ((f"room {i}",) for i in range(1, 21)))
        for _ in range(history):
            post_message(database, chance)
        database.execute("COMMIT")
    database.close()


def write(paths: list[str], number: int, rate: float, stop, committed, changing, errors) -> None:
    """One writer: a transaction every 1/rate seconds until `stop`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    database = connect(paths[0]) if len(paths) == 1 else connect_to_writable(paths, stop)
    chance = random.Random(time.time_ns() + number)
    actions, weights = list(ACTIONS), list(ACTIONS.values())
    application, next_at = multiprocessing.parent_process(), time.monotonic()
    while database and application.is_alive() and not stop.wait(max(0.0, next_at - time.monotonic())):
        try:
            before = database.total_changes
            database.execute("BEGIN IMMEDIATE")
            chance.choices(actions, weights)[0](database, chance)
            database.execute("COMMIT")
            committed[number] += 1
            changing[number] += database.total_changes > before
        except sqlite3.Error as error:
            errors[number] += 1
            print(f"chat: writer {number}: {error}", file=sys.stderr, flush=True)
            if database.in_transaction:
                database.execute("ROLLBACK")
            if len(paths) > 1:
                database.close()
                database = connect_to_writable(paths, stop)
        next_at = max(next_at + 1 / rate, time.monotonic() - 1)
    if database:
        database.close()


def main() -> int:
    options = argparse.ArgumentParser(description="A chat application on SQLite.")
    options.add_argument("databases", nargs="+", metavar="DATABASE")
    options.add_argument("--writers", type=int, default=3, help="processes that write")
    options.add_argument("--rate", type=float, default=100, help="transactions a second, each")
    options.add_argument("--history", type=int, default=20000, help="messages to begin with")
    options.add_argument("--seconds", type=float, default=0, help="how long; 0: until SIGTERM")
    chosen = options.parse_args()

    if len(chosen.databases) == 1:
        create(chosen.databases[0], chosen.history)
    stop = multiprocessing.Event()
    committed = multiprocessing.Array("L", chosen.writers)
    changing = multiprocessing.Array("L", chosen.writers)
    errors = multiprocessing.Array("L", chosen.writers)
    writers = [multiprocessing.Process(target=write, daemon=True, args=(
        chosen.databases, number, chosen.rate, stop, committed, changing, errors))
        for number in range(chosen.writers)]
    for writer in writers:
        writer.start()
    stopped = {"by_signal": False}
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.update(by_signal=True))
    end_at = time.monotonic() + chosen.seconds if chosen.seconds else float("inf")
    while not stopped["by_signal"] and time.monotonic() < end_at:
        time.sleep(0.05)
    stop.set()
    for writer in writers:
        writer.join()
    print(f"{sum(committed):,} commits, {sum(changing):,} with changes, {sum(errors)} errors",
          flush=True)
    return 1 if sum(errors) else 0


if __name__ == "__main__":
    sys.exit(main())
