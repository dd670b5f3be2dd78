"""An application that loads understudy_commit, as a process that does what it is told: one JSON
object with SQL a line on its input, one with the outcome a line on its output. Run by a Python whose
sqlite3 can load extensions (harness side: the class Application).

usage: application.py DATABASE EXTENSION
"""

import json
import pathlib
import sqlite3
import subprocess
import sys
import threading
import time


class CannotLoad(Exception):
    """No Python here can load SQLite extensions."""


class Application:
    """Drives such a process. ask() waits for the answer; begin() and answer() do not have to."""

    def __init__(self, database: pathlib.Path, extension: pathlib.Path):
        self.process = subprocess.Popen(
            [find_python(), __file__, str(database), str(extension)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.load_error = self.answer()["error"]

    def ask(self, sql: str, **options) -> dict:
        self.begin(sql, **options)
        return self.answer()

    def begin(self, sql: str, **options) -> None:
        self.process.stdin.write(json.dumps({"sql": sql, **options}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def value(self, sql: str):
        """The first column of the first row; an error is raised."""
        found = self.ask(sql)
        if found["error"]:
            raise RuntimeError(f"{sql}: {found['error']}")
        return found["rows"][0][0]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def find_python() -> str:
    for program in (sys.executable, "/usr/bin/python3"):
        probe = "import sqlite3; sqlite3.Connection.enable_load_extension"
        if pathlib.Path(program).exists() and subprocess.run(
                [program, "-c", probe], capture_output=True, check=False).returncode == 0:
            return program
    raise CannotLoad("no Python here whose sqlite3 can load extensions")


def execute(connection: sqlite3.Connection, command: dict) -> dict:
    outcome = {"rows": [], "error": None}
    timer = None
    if "interrupt_after" in command:
        timer = threading.Timer(command["interrupt_after"], connection.interrupt)
        timer.start()
    start = time.monotonic()
    try:
        for _ in range(command.get("times", 1)):
            outcome["rows"] = connection.execute(command["sql"]).fetchall()
    except sqlite3.Error as error:
        outcome["error"] = str(error)
        outcome["code"] = getattr(error, "sqlite_errorcode", None)  # since Python 3.11
    outcome["seconds"] = time.monotonic() - start
    if timer:
        timer.cancel()
    return outcome


def main() -> None:
    database, extension = sys.argv[1:]
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    error = None
    try:
        connection.enable_load_extension(True)
        connection.load_extension(extension)
    except sqlite3.Error as failure:
        error = str(failure)
    print(json.dumps({"error": error}), flush=True)
    for line in sys.stdin:
        print(json.dumps(execute(connection, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
