"""Bad input gets a clear error and changes nothing; strangers on the ports get nothing at all."""

import os
import shutil
import socket
import sqlite3
import subprocess
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, run_scenarios, wait_until  # noqa: E402
from nodes import free_port  # noqa: E402

TIMEOUT = 15


def expect_refused(program, arguments, *words, **popen):
    """Runs it; it must end by itself with an exit code of its own and say all `words`."""
    try:
        answer = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                                timeout=TIMEOUT, check=False, **popen)
    except subprocess.TimeoutExpired:
        expect(False, f"{arguments} was not refused")
    said = answer.stdout + answer.stderr
    expect(answer.returncode > 0, f"{arguments}: exit code {answer.returncode}: {said}")
    for word in words:
        expect(word.lower() in said.lower(), f"{arguments}: does not say '{word}': {said}")
    count("refusals", 1)


def publish_options():
    return ["--listen", f"tcp://127.0.0.1:{free_port()}"]


def files_that_are_no_database(program, chance):
    contents = {"text.db": b"this is not a database\n" * 400, "empty.db": b"",
                "encrypted.db": os.urandom(8192)}
    with Cluster(program) as cluster:
        for name, content in contents.items():
            path = cluster.folder / name
            path.write_bytes(content)
            expect_refused(program, ["publish", path, *publish_options()], name)
            expect(path.read_bytes() == content, f"{name} was changed")
            expect(not (cluster.folder / f"{name}-understudy").exists(), f"{name}: a state directory")
        expect_refused(program, ["publish", cluster.folder / "missing.db", *publish_options()],
                       "missing.db")
        expect(not (cluster.folder / "missing.db").exists(), "a missing database was created")
        expect_refused(program, ["publish", cluster.folder, *publish_options()],
                       cluster.folder.name)


def rollback_journal_needs_leave(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute("PRAGMA journal_mode=DELETE")
        content = cluster.database.read_bytes()
        expect_refused(program, ["publish", cluster.database, *publish_options()], "--enable-wal")
        expect(cluster.database.read_bytes() == content, "the database was changed")
        cluster.publish("--enable-wal").wait_for_state("publishing")
        expect(cluster.execute("PRAGMA journal_mode") == "wal", "--enable-wal did not")


def exclusive_locking_mode(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        application = sqlite3.connect(cluster.database, isolation_level=None)
        application.execute("PRAGMA locking_mode=EXCLUSIVE")
        application.execute("UPDATE tick SET n = n + 1")
        expect_refused(program, ["publish", cluster.database, *publish_options()], "exclusive")
        application.execute("UPDATE tick SET n = n + 1")
        application.close()


def no_permission(program, chance):
    if os.getuid() != 0:
        return  # a file of somebody else's cannot be made
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.folder.chmod(0o755)
        cluster.database.chmod(0o600)
        # The build may lie where nobody else may look, /root for one.
        program = shutil.copy(program, cluster.folder)
        expect_refused(program, ["publish", cluster.database, *publish_options()], "permission",
                       user=65534, cwd="/")
        cluster.database.chmod(0o644)
        expect_refused(program, ["publish", cluster.database, *publish_options()], "permission",
                       user=65534, cwd="/")


def state_directory_of_another(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        publisher.wait_for_state("publishing")
        expect_refused(program, ["publish", cluster.database, *publish_options()], str(publisher.pid))
        publisher.stop()
        other = cluster.folder / "other.db"
        cluster.execute(f".backup {other}")
        cluster.execute("PRAGMA journal_mode=WAL", other)
        expect_refused(program, ["publish", other, "--state", publisher.state_folder,
                                 *publish_options()], str(publisher.state_folder))


def the_log_decides_who_leads(program, chance):
    """Not the command: `subscribe` of a node that leads goes on publishing."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        publisher.wait_for_state("publishing")
        publisher.stop()
        publisher.arguments = ["subscribe", str(cluster.database), "--from", "tcp://127.0.0.1:1",
                               *publish_options()]
        publisher.start()
        status = publisher.wait_for_state("publishing")
        expect(status["role"] == "primary", f"{status}")


def newer_backend_format(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        publisher.wait_for_state("publishing")
        publisher.stop()
        cluster.execute("PRAGMA user_version=99", publisher.state_folder / "backend.db")
        expect_refused(program, ["publish", cluster.database, *publish_options()], "version")


def bad_options(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        database = cluster.database
        expect_refused(program, ["publish", database, "--listen", "tcp://0.0.0.0:7600"], "--insecure")
        expect_refused(program, ["publish", database, "--listen", "nonsense"], "nonsense")
        expect_refused(program, ["publish", database, "--listen", "tcp://127.0.0.1:99999"], "99999")
        expect_refused(program, ["publish", database, "--no-such-option"], "--no-such-option")
        expect_refused(program, ["subscribe", cluster.folder / "s.db"], "--from")
        expect_refused(program, ["wait", database, "--seq", "soon"], "soon")
        expect_refused(program, ["status", cluster.folder / "nothing.db"], "nothing.db")
        expect_refused(program, ["verify", cluster.folder / "nothing.db"], "nothing.db")
        expect_refused(program, ["no-such-command"], "no-such-command")
        expect_refused(program, [])


def port_in_use(program, chance):
    with Cluster(program) as cluster, socket.socket() as taken:
        cluster.create_bank()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        expect_refused(program, ["publish", cluster.database, "--listen", f"tcp://127.0.0.1:{port}"],
                       str(port))


def silent_peers_are_tried_again(program, chance):
    with Cluster(program) as cluster, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        for name, source in (("silent", address), ("absent", f"tcp://127.0.0.1:{free_port()}")):
            node = cluster.subscribe(name, source)
            node.wait_for_state("connecting")
            expect(source.rsplit(":", 1)[1] in node.log_text() or wait_for_word(node, source),
                   f"{name}: does not say whom it tries: {node.log_text()}")
            expect(node.stop() == 0, f"{name}: did not end cleanly")


def wait_for_word(node, word):
    wait_until(f"the log names {word}", lambda: word in node.log_text(), TIMEOUT, node)
    return True


def strangers_on_the_ports(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        greeting = b"\xff" + b"\0" * 8 + b"\x7f\x03\x00NULL" + b"\0" * 48
        for node in (publisher, standby):
            for port in (node.port, node.port + 1):
                for start in (b"", greeting, b"GET / HTTP/1.1\r\n\r\n"):
                    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
                        try:
                            stranger.sendall(start + chance.randbytes(chance.randint(1, 100_000)))
                        except OSError:
                            pass  # hung up on, as it should be
                    count("garbage connections", 1)
        cluster.write_some(500)
        cluster.expect_equal(standby)


if __name__ == "__main__":
    run_scenarios(files_that_are_no_database, rollback_journal_needs_leave, exclusive_locking_mode,
                  no_permission, state_directory_of_another,
                  the_log_decides_who_leads, newer_backend_format, bad_options,
                  port_in_use, silent_peers_are_tried_again, strangers_on_the_ports)
