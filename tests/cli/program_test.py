"""Runs the program as an operator does: what it refuses, in which words, with which exit code.

Invariants: a refusal is one line on stderr that names the thing and the value; it changes nothing
(no state directory, the database byte for byte as it was); status documents fit their schema.
Standard library and the sqlite3 program only; the schema is checked where python3-jsonschema is.
"""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "demo"))

from nodes import free_port  # noqa: E402

PROGRAM, SCHEMAS = sys.argv[1:3]
OK, NEGATIVE, USAGE, ENVIRONMENT, CORRUPTION = range(5)


class ProgramTest(unittest.TestCase):
    def setUp(self):
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = tempfile.mkdtemp(prefix="understudy-cli-", dir=base)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=30)

    def make_database(self, name, mode="WAL"):
        path = self.path(name)
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE t(a)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        connection.close()
        return path

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def refused(self, code, words, *arguments):
        """The program ends with `code` and one line that holds each of `words`."""
        before = self.snapshot()
        result = self.run_program(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertEqual(self.snapshot(), before, "a refusal changed something")

    def snapshot(self):
        files = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                # A look at a WAL database may make or drop the first two, which hold no data of their
                # own; the lock names who asked last, and the commit page shows who runs.
                passing = name.endswith(("-shm", "-wal")) or name in ("lock", "commit-page")
                if not passing and os.path.isfile(path):
                    with open(path, "rb") as file:
                        files[path] = file.read()
            files[folder] = None
        return files

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def wait_for_state(self, database, state):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            result = self.run_program("status", database, "--json")
            if result.returncode == OK and json.loads(result.stdout)["state"] == state:
                return json.loads(result.stdout)
        self.fail(f"{database} is not {state}: {result.stdout}{result.stderr}")

    def check_schema(self, document):
        with open(os.path.join(SCHEMAS, "status.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        for name in schema["required"]:
            self.assertIn(name, document)
        for name in document:
            self.assertIn(name, schema["properties"])
        try:
            import jsonschema
        except ImportError:
            return
        jsonschema.validate(document, schema)


class Refusals(ProgramTest):
    def test_databases_that_cannot_be_published(self):
        self.refused(USAGE, [self.path("none.db")], "publish", self.path("none.db"))
        self.refused(USAGE, ["empty"], "publish", self.write("empty.db", b""))
        text = self.write("text.db", b"this is no database, only text. " * 200)
        self.refused(USAGE, [text, "not an SQLite database"], "publish", text)
        self.refused(USAGE, [self.folder], "publish", self.folder)
        self.refused(USAGE, [text], "publish", text, "--enable-wal")

    def test_rollback_journal_needs_a_decision(self):
        database = self.make_database("old.db", "DELETE")
        self.refused(USAGE, [database, "--enable-wal"], "publish", database)

    def test_a_locked_database_cannot_be_switched(self):
        database = self.make_database("old.db", "DELETE")
        # In a process of its own: this one reads the file, and closing it would drop the lock.
        other = subprocess.Popen(["sqlite3", database], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, other)
        other.stdin.write("BEGIN EXCLUSIVE; SELECT 'locked';\n")
        other.stdin.flush()
        self.assertEqual(other.stdout.readline(), "locked\n")
        self.refused(USAGE, [database, "locked"], "publish", database, "--enable-wal")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_read_only(self):
        database = self.make_database("a.db")
        os.chmod(database, 0o400)
        self.refused(USAGE, [database], "publish", database)

    def test_endpoints(self):
        database = self.make_database("a.db")
        for bad in ["7600", "tcp://127.0.0.1", "tcp://127.0.0.1:65535", "udp://127.0.0.1:1"]:
            self.refused(USAGE, ["--listen", bad], "publish", database, "--listen", bad)
            self.refused(USAGE, ["--from", bad], "subscribe", self.path("s.db"), "--from", bad)
        self.refused(USAGE, ["--insecure", "keys"], "publish", database, "--listen",
                     "tcp://0.0.0.0:7600")
        self.refused(USAGE, ["--insecure"], "subscribe", self.path("s.db"), "--from",
                     "tcp://127.0.0.1:7600", "--listen", "tcp://*:7700")

    def test_options(self):
        database = self.make_database("a.db")
        self.refused(USAGE, ["--help"])
        self.refused(USAGE, ["--help"], "perform")
        self.refused(USAGE, ["--loud", "publish --help"], "publish", database, "--loud")
        self.refused(USAGE, ["--node", "a b"], "publish", database, "--node", "a b")
        self.refused(USAGE, ["--keep-bytes", "lots"], "publish", database, "--keep-bytes", "lots")
        self.refused(USAGE, ["--log-level"], "publish", database, "--log-level", "chatty")
        self.refused(USAGE, ["--timeout", "5"], "wait", database, "--seq", "1", "--timeout", "5")
        self.refused(USAGE, ["--level"], "wait", database, "--seq", "1", "--level", "seen")
        self.refused(USAGE, ["--state"], "status")

    def test_a_file_that_is_no_standby_is_left_alone(self):
        database = self.make_database("mine.db")
        self.refused(USAGE, [database, "--adopt"], "subscribe", database, "--from",
                     "tcp://127.0.0.1:7600")
        self.refused(USAGE, [self.path("none")], "subscribe", self.path("none/s.db"), "--from",
                     "tcp://127.0.0.1:7600")

    def test_databases_that_are_not_replicated(self):
        database = self.make_database("a.db")
        for command in (["status", database], ["verify", database], ["wait", database, "--seq", "1"]):
            self.refused(USAGE, [database, "publish"], *command)

    def test_damaged_identity_is_corruption(self):
        database = self.make_database("a.db")
        os.mkdir(database + "-understudy", 0o700)
        self.write("a.db-understudy/node.json", b"{")
        self.refused(CORRUPTION, ["node.json"], "status", database)

    def test_help_and_version(self):
        self.assertIn("understudy 0.", self.run_program("--version").stdout)
        for command in ("publish", "subscribe", "status", "verify", "wait"):
            result = self.run_program(command, "--help")
            self.assertEqual(result.returncode, OK)
            self.assertIn("Examples:", result.stdout)
            self.assertEqual(self.run_program("help", command).stdout, result.stdout)
        self.assertEqual(self.run_program("help").stdout, self.run_program("--help").stdout)
        self.refused(USAGE, ["which command?", "--help"])
        self.refused(USAGE, ["no command 'tango'"], "help", "tango")

    def test_a_database_that_is_not_there_is_not_called_unreplicated(self):
        self.refused(USAGE, ["there is no database"], "status", self.path("typo.db"))


class Running(ProgramTest):
    def publish(self, database, *options):
        port = free_port()
        process = self.start("publish", database, "--listen", f"tcp://127.0.0.1:{port}", *options)
        self.wait_for_state(database, "publishing")
        return process, port

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        self.assertEqual(process.returncode, OK, log)
        return log

    def test_a_pair_from_start_to_stop(self):
        database, standby = self.make_database("a.db"), self.path("s.db")
        publisher, port = self.publish(database, "--log-format", "json", "--node", "first")
        follower = self.start("subscribe", standby, "--from", f"tcp://127.0.0.1:{port}")
        self.check_schema(self.wait_for_state(standby, "streaming"))
        with sqlite3.connect(database) as application:
            application.execute("INSERT INTO t VALUES (2)")
        self.assertEqual(self.run_program("wait", database, "--seq", "1").returncode, OK)
        self.assertEqual(self.run_program("wait", standby, "--seq", "1").returncode, OK)
        late = self.run_program("wait", database, "--seq", "99", "--timeout", "50ms")
        self.assertEqual(late.returncode, NEGATIVE)
        self.assertIn("the last transaction is seq 1", late.stderr)
        status = self.wait_for_state(database, "publishing")
        self.check_schema(status)
        self.assertEqual((status["node"], status["seq"]), ("first", 1))
        self.assertEqual(len(status["standbys"]), 1)
        self.check_verify(database, standby)
        self.refused(USAGE, ["already running as pid " + str(publisher.pid)], "publish", database)
        self.stop(follower)
        for line in self.stop(publisher).splitlines():
            self.assertIn("event", json.loads(line))
        self.check_schema(self.wait_for_state(database, "stopped"))
        self.check_schema(self.wait_for_state(standby, "stopped"))
        self.check_verify(database, standby)

    def check_verify(self, *databases):
        """Both match, at the same position."""
        results = [self.run_program("verify", database) for database in databases]
        for result in results:
            self.assertEqual(result.returncode, OK, result.stderr)
        self.assertEqual(len({result.stdout for result in results}), 1)

    def test_verify_sees_one_changed_byte(self):
        database = self.make_database("a.db")
        publisher, _ = self.publish(database)
        self.stop(publisher)
        self.assertEqual(self.run_program("verify", database).returncode, OK)
        with open(database, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        result = self.run_program("verify", database)
        self.assertEqual(result.returncode, NEGATIVE, result.stderr)
        self.assertIn("DIFFERS", result.stderr)

    def test_verify_while_the_application_writes(self):
        database = self.make_database("a.db")
        self.publish(database)
        application = sqlite3.connect(database, isolation_level=None)
        writer = subprocess.Popen(
            [sys.executable, "-c",
             "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],isolation_level=None,timeout=20)\n"
             "while True: c.execute('INSERT INTO t VALUES (randomblob(500))')", database])
        self.addCleanup(self.end, writer)
        for _ in range(5):
            result = self.run_program("verify", database)
            self.assertEqual(result.returncode, OK, result.stderr)
        application.close()

    def test_enable_wal(self):
        database = self.make_database("old.db", "DELETE")
        publisher, _ = self.publish(database, "--enable-wal")
        with sqlite3.connect(database) as connection:
            self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.stop(publisher)

    def test_a_role_on_record_is_kept(self):
        database = self.make_database("a.db")
        publisher, port = self.publish(database)
        self.stop(publisher)
        # The log says who leads; the command counts for a node without one.
        again = self.start("subscribe", database, "--from", f"tcp://127.0.0.1:{port}")
        for line in again.stderr:
            if "role_decided" in line:
                break
        self.assertIn("role=primary", line)
        self.stop(again)
        other = self.make_database("b.db")
        self.refused(USAGE, ["a.db", "b.db"], "publish", other, "--state", database + "-understudy")

    def test_watch_off_a_terminal_prints_lines(self):
        database = self.make_database("a.db")
        self.publish(database)
        watch = subprocess.Popen([PROGRAM, "status", database, "--watch"], stdout=subprocess.PIPE,
                                 text=True)
        lines = [watch.stdout.readline() for _ in range(2)]
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=10)
        self.assertEqual(watch.returncode, OK)
        for line in lines:
            self.assertIn("primary publishing 1/0/", line)
            self.assertNotIn("\033", line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
