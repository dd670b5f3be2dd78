"""`understudy run`: the nodes of several databases in one process. What befalls one leaves the others alone;
SIGTERM ends all in order, kill -9 costs nothing; SIGHUP begins again what was given up; each event names
its database; a standby in the process can take over from a node outside of it.
"""

import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, free_port, let_run, rounds, run_scenarios, wait_until  # noqa: E402
import equality  # noqa: E402  (harness says where it is)
from nodes import Node  # noqa: E402
from run_file import Run, create, table  # noqa: E402


def insert(path: pathlib.Path, rows: int) -> None:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    for _ in range(rows):
        connection.execute("INSERT INTO t(filler) VALUES (randomblob(300))")
    connection.close()


def rows(path: pathlib.Path) -> int:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute("SELECT count(*) FROM t").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error:
        return -1


def two_and_a_takeover(program, chance):
    """Two primaries in one process, their standbys in another; one of these is promoted."""
    with Cluster(program) as cluster:
        first, second = cluster.folder / "first.db", cluster.folder / "second.db"
        for path in (first, second):
            create(path)
        ports = {name: free_port() for name in ("first", "second", "one", "two")}
        peers = [f"tcp://127.0.0.1:{port}" for port in (ports["first"], ports["one"])]
        primaries = Run(cluster, table(first, "publish", ports["first"], "node = \"p\"", f"peers = {peers}") +
                        table(second, "publish", ports["second"])).start()
        folder = cluster.folder / "standbys"
        folder.mkdir()
        one, two = folder / "first.db", folder / "second.db"
        standbys = Run(
            cluster,
            table(one, "subscribe", ports["one"], "node = \"s\"", f"peers = {peers}") +
            table(two, "subscribe", ports["two"], f"from = \"tcp://127.0.0.1:{ports['second']}\""),
            "standbys").start()
        for path in (one, two):
            standbys.wait_for_state(path, "streaming")
        insert(first, 50)
        insert(second, 70)
        wait_until("both are there", lambda: (rows(one), rows(two)) == (50, 70), node=standbys.node)
        primaries.node.kill()
        promoted = subprocess.run([program, "promote", str(one), "--force"], capture_output=True, text=True,
                                  timeout=60, check=False)
        expect(promoted.returncode == 0, f"promote: {promoted.stderr}")
        insert(one, 5)
        primaries.start()
        primaries.wait_for_state(first, "streaming")  # it came back as a standby
        primaries.wait_for_state(second, "publishing")
        insert(second, 3)
        wait_until("all follow", lambda: (rows(first), rows(two)) == (55, 73), node=primaries.node)
        expect(not equality.differences({"one": equality.prove(one), "first": equality.prove(first)}),
               "the old primary differs")
        for each in (primaries, standbys):
            expect(each.node.stop() == 0, f"SIGTERM ended with {each.node.exit_code}")
            expect(each.node.log_text().count(" node_stopped:") == 2, "not both nodes ended in order")
            unnamed = [line for line in each.node.log_text().splitlines()
                       if "database=" not in line and not re.search(r" (stopping|config_\w+):", line)]
            expect(not unnamed, f"events that do not say whose they are: {unnamed[:3]}")


def one_fails_the_others_go_on(program, chance):
    """A damaged one, one that is not in WAL mode, one whose port is taken: told, given up or tried again."""
    with Cluster(program) as cluster:
        well, damaged, rollback, blocked = (cluster.folder / f"{name}.db" for name in
                                            ("well", "damaged", "rollback", "blocked"))
        for path in (well, damaged, blocked):
            create(path)
        create(rollback, "DELETE")
        ports = {path: free_port() for path in (well, damaged, rollback, blocked)}
        run = Run(cluster, "".join(table(path, "publish", port) for path, port in ports.items()))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", ports[blocked]))
            taken.listen()
            state = pathlib.Path(f"{damaged}-understudy")
            state.mkdir(mode=0o700)
            (state / "node.json").write_text("{ damaged")
            run.start()
            run.wait_for_state(well, "publishing")
            run.wait_for_event("node_given_up", damaged)
            run.wait_for_event("node_given_up", rollback)
            run.wait_for_event("node_restarts", blocked, times=2)
        run.wait_for_state(blocked, "publishing")  # by itself, once the port is free
        insert(well, 10)
        wait_until("it records", lambda: run.status(well).get("seq", 0) >= 10, node=run.node)
        # SIGHUP begins again what was given up: the one that was repaired meanwhile goes on.
        sqlite3.connect(rollback).execute("PRAGMA journal_mode=WAL").connection.close()
        added = cluster.folder / "added.db"
        create(added)
        run.file.write_text(run.file.read_text() + "keep-age = \"1h\"\n" +
                            table(added, "publish", free_port()))
        os.kill(run.node.pid, signal.SIGHUP)
        run.wait_for_state(rollback, "publishing")
        run.wait_for_state(added, "publishing")
        run.wait_for_event("node_given_up", damaged, times=2)
        run.wait_for_event("config_needs_restart", blocked)
        run.file.write_text("nonsense = 1\n")
        os.kill(run.node.pid, signal.SIGHUP)
        run.wait_for_event("config_refused")
        expect(run.node.stop() == 4, f"the exit code is the gravest: {run.node.exit_code}, not 4")


def sighup_begins_what_waits(program, chance):
    """A port that stays taken: the file names another one, and SIGHUP does not wait for the next try."""
    with Cluster(program) as cluster, socket.socket() as taken:
        well, blocked = cluster.folder / "well.db", cluster.folder / "blocked.db"
        for path in (well, blocked):
            create(path)
        ports = [free_port(), free_port()]
        taken.bind(("127.0.0.1", ports[1]))
        taken.listen()
        text = table(well, "publish", ports[0])
        run = Run(cluster, text + table(blocked, "publish", ports[1])).start()
        run.wait_for_state(well, "publishing")
        run.wait_for_event("node_restarts", blocked, times=3)  # the next try is 4 s away
        run.file.write_text("log-level = \"debug\"\n" + text + table(blocked, "publish", free_port()))
        os.kill(run.node.pid, signal.SIGHUP)
        run.wait_for_event("node_begun_again", blocked)
        run.wait_for_state(blocked, "publishing")
        run.wait_for_event("config_needs_restart")  # the log's level
        expect(run.node.stop() == 0, f"exit code {run.node.exit_code}")


def nobody_left_ends_the_process(program, chance):
    with Cluster(program) as cluster:
        first, second = cluster.folder / "first.db", cluster.folder / "second.db"
        run = Run(cluster, table(first, "publish", free_port()) + table(second, "publish", free_port())).start()
        wait_until("it ends", lambda: not run.node.is_running())
        expect(run.node.exit_code == 2, f"exit code {run.node.exit_code}, not 2")
        expect(run.node.log_text().count(" node_given_up:") == 2, "not both were told")


def killed_again_and_again(program, chance):
    """kill -9 of the process of two nodes, at random: nothing is lost, nothing is doubled."""
    with Cluster(program) as cluster:
        paths = [cluster.folder / "a.db", cluster.folder / "b.db"]
        for path in paths:
            create(path)
        ports = [free_port() for _ in paths]
        run = Run(cluster, "".join(table(*pair[:1], "publish", pair[1]) for pair in zip(paths, ports))).start()
        standbys = []
        for path, port in zip(paths, ports):
            standby = Node.standby(program, f"{path.stem}-standby", cluster.folder / f"{path.stem}-standby.db",
                                   f"tcp://127.0.0.1:{port}")
            cluster.nodes.append(standby)
            standbys.append(standby.start())
        kills = rounds(8, 80)
        for _ in range(kills):
            for path in paths:
                insert(path, chance.randrange(1, 30))
            let_run(chance, 0, 0.3)
            run.node.kill()
            run.start()
        for path, standby in zip(paths, standbys):
            wait_until("it has all", lambda p=path, s=standby: rows(p) == rows(s.database) > 0, 60)
            proofs = {"primary": equality.prove(path), "standby": equality.prove(standby.database)}
            expect(not equality.differences(proofs), f"{path.name} and its standby differ")
        count("kills of a process of several nodes", kills)


if __name__ == "__main__":
    run_scenarios(two_and_a_takeover, one_fails_the_others_go_on, sighup_begins_what_waits,
                  nobody_left_ends_the_process, killed_again_and_again)
