"""The chat's messages in SQLite: writing on a primary, reading on any node.

Written as an application beside Understudy is: it opens the file of its own machine and learns from SQLite whether
it may write there. With the extension each COMMIT waits for the standbys that the node asks for (--sync), and a
reader can wait for a position.
"""

import json
import os
import sqlite3
import threading

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages(
  id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, room TEXT NOT NULL, author TEXT NOT NULL,
  body TEXT NOT NULL, sent_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS messages_by_room ON messages(room, id);
"""
COLUMNS = ("id", "token", "room", "author", "body", "sent_at")
# How long another writer, or a checkpoint, may take.
BUSY_SECONDS = 0.5
# Of the extension's error: not undone, and not known to be anywhere else. The second is what SQLite says of the
# code when the text is asked for too late.
UNREPLICATED = ("COMMITTED HERE", "warning message")


class NotHere(Exception):
    """This node takes no writes, or does not have what is asked for yet: another one may."""


class Unconfirmed(Exception):
    """Committed on this node; whether a standby has it is not known. The same request again settles it."""


def create(path: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(SCHEMA)
    database.close()


class Messages:
    """One database file, and a connection for each thread that asks. Any thread."""

    def __init__(self, path: str, extension: str | None):
        self._path = path
        self._extension = extension
        self._own = threading.local()

    def post(self, token: str, room: str, author: str, body: str, sent_at: float) -> tuple[int, str | None]:
        """Returns the message's id and its position. The same token again is the same message: whoever heard
        nothing asks again, and what was there already is committed once more, so that it waits, too."""
        database = self._open()
        if self.role() == "standby":
            raise NotHere("this node is a standby")
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "INSERT INTO messages(token, room, author, body, sent_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT(token) DO UPDATE SET token = excluded.token", (token, room, author, body, sent_at))
            number = database.execute("SELECT id FROM messages WHERE token = ?", (token,)).fetchone()[0]
            database.execute("COMMIT")
            return number, self._position(database)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def read(self, room: str, after: int, limit: int, position: str | None, patience_ms: int) -> list[dict]:
        """Messages of a room behind `after`; not before this node shows `position`."""
        database = self._open()
        self._wait_for(database, position, patience_ms)
        rows = database.execute(
            f"SELECT {', '.join(COLUMNS)} FROM messages WHERE room = ? AND id > ? ORDER BY id LIMIT ?",
            (room, after, limit)).fetchall()
        return [dict(zip(COLUMNS, row)) for row in rows]

    def find(self, token: str) -> dict | None:
        row = self._open().execute(
            f"SELECT {', '.join(COLUMNS)} FROM messages WHERE token = ?", (token,)).fetchone()
        return dict(zip(COLUMNS, row)) if row else None

    def last(self) -> int:
        """The highest id; 0: none yet."""
        return self._open().execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0]

    def role(self) -> str:
        """What the extension says of the node here: primary, standby or not running; unknown without it."""
        if not self._extension:
            return "unknown"
        (text,) = self._open().execute("SELECT understudy_replication()").fetchone()
        return json.loads(text)["node"]

    def _wait_for(self, database: sqlite3.Connection, position: str | None, patience_ms: int) -> None:
        if not position or not self._extension or self.role() == "primary":
            return
        (there,) = database.execute("SELECT understudy_wait(?, ?)", (patience_ms, position)).fetchone()
        if not there:
            raise NotHere(f"position {position} has not arrived at this node")

    def _position(self, database: sqlite3.Connection) -> str | None:
        if not self._extension:
            return None
        return database.execute("SELECT understudy_position()").fetchone()[0]

    def _explain(self, error: sqlite3.Error) -> Exception:
        """Nothing of the transaction is left in this thread's connection: the next request opens another one."""
        self._own.database.close()
        self._own.file = None
        text = str(error)
        return Unconfirmed(text) if any(words in text for words in UNREPLICATED) else NotHere(text)

    def _open(self) -> sqlite3.Connection:
        """Opened anew when the file is another one: a standby's first copy gets its name in one step."""
        file = self._file()
        if file is None or getattr(self._own, "file", None) != file:
            self._own.database = self._connect()
            self._own.file = file
        return self._own.database

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
            return found.st_dev, found.st_ino
        except FileNotFoundError:
            return None

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"file:{self._path}?mode=rw", uri=True, timeout=BUSY_SECONDS,
                                   isolation_level=None)
        if self._extension:
            database.enable_load_extension(True)
            database.execute("SELECT load_extension(?)", (self._extension,))
            database.enable_load_extension(False)
            database.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # opened: it may be asked
        return database
