"""What a node tells systemd: READY=1 once its role is found and holds (so that an application that is
ordered after it can never write into what is a standby by now), STOPPING=1, and WATCHDOG=1 only while its
loops turn: on a disk that hangs the words stop, and come again with the disk. Of several databases in one
process READY=1 waits for all but those that failed for good, or again and again; STATUS= names these.
"""

import pathlib
import socket
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from filesystems import PowerDisk  # noqa: E402
from harness import Cluster, count, expect, free_port, let_run, rounds, run_scenarios, wait_until  # noqa: E402
from leases import lease_peers  # noqa: E402
from run_file import Run, create, table  # noqa: E402
from service_socket import ServiceSocket  # noqa: E402


def begin_and_end(program, chance):
    with Cluster(program) as cluster, ServiceSocket(cluster.folder) as service:
        cluster.create_bank()
        publisher = cluster.publish()
        publisher.stop()
        service.listen_to(publisher).start()
        service.wait_for("READY=1")
        expect((publisher.status() or {}).get("state") in ("scanning", "publishing"),
               f"READY=1 came too early: {publisher.status()}")
        wait_until("a line for systemctl status", lambda: any(
            "primary, publishing, position 1/" in line for line in [*service.heard, *service.take_waiting()]))
        publisher.process.terminate()
        service.wait_for("STOPPING=1")
        publisher.stop()
        service.take_waiting()
        expect(service.heard.count("READY=1") == 1, f"READY=1 more than once: {service.heard}")
        expect("WATCHDOG=1" not in service.heard, "nobody asked for the watchdog")


def ready_means_that_the_role_holds(program, chance):
    """An old primary whose machine was away: at READY=1 its application can no longer write there."""
    with Peers(program) as peers:
        peers.start()
        leader, other = "a", "b"
        for _ in range(rounds(4, 40)):
            peers.write_rows(leader, 20)
            peers[leader].kill()
            peers.promote(other, "--force")
            peers.write_rows(other, 5)
            with ServiceSocket(peers.folder) as service:
                service.listen_to(peers[leader]).start()
                service.wait_for("READY=1")
                expect(not peers.is_writable(leader), "READY=1, and the old primary still takes writes")
                peers.wait_until_settled(other)
            leader, other = other, leader
        peers.expect_all_equal(leader)
        count("READY=1 of a returning primary, and it is fenced", rounds(4, 40))


def several_databases(program, chance):
    """One is well, one not in WAL mode (given up), one has its port taken (tried again and again), and one is
    not up for as long as somebody holds its write lock: only this one is waited for."""
    with Cluster(program) as cluster, ServiceSocket(cluster.folder) as service, socket.socket() as taken:
        well, rollback, blocked, held = (cluster.folder / f"{name}.db" for name in
                                         ("well", "rollback", "blocked", "held"))
        for path in (well, blocked, held):
            create(path)
        create(rollback, "DELETE")
        ports = {path: free_port() for path in (well, rollback, blocked, held)}
        taken.bind(("127.0.0.1", ports[blocked]))
        taken.listen()
        first = Run(cluster, table(held, "publish", ports[held]), "first").start()
        first.wait_for_state(held, "publishing")
        fenced = subprocess.run([program, "fence", str(held)], capture_output=True, text=True, check=False)
        expect(fenced.returncode == 0, f"fence: {fenced.stderr}")
        first.node.stop()
        writer = sqlite3.connect(held, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        run = Run(cluster, "".join(table(path, "publish", port) for path, port in ports.items()))
        service.listen_to(run.node)
        run.start()
        run.wait_for_state(well, "publishing")
        run.wait_for_event("node_given_up", rollback)
        run.wait_for_event("node_restarts", blocked, times=4)
        run.wait_for_event("fenced", held)
        service.take_waiting()
        expect("READY=1" not in service.heard, f"READY=1 before {held.name} is up")
        writer.execute("ROLLBACK")
        writer.close()
        service.wait_for("READY=1")
        expect(run.status(held).get("state") not in (None, "starting"), f"{run.status(held)}")
        failed = [line for line in service.heard if line.startswith("STATUS=")][-1]
        for words in (f"{rollback} FAILED: ", "journal_mode"):
            expect(words in failed, f"'{words}' is not in {failed}")
        expect(failed.count(": primary, ") == 2, f"not two that are well: {failed}")
        expect(any(f"{blocked} FAILED: " in line and "in use" in line for line in service.heard),
               f"nothing of {blocked.name} in {service.heard}")
        expect(run.node.stop() == 3, f"exit code {run.node.exit_code}")


def nobody_up_is_not_ready(program, chance):
    """All fail again and again: the process goes on trying, and READY=1 comes with the first that is up."""
    with Cluster(program) as cluster, ServiceSocket(cluster.folder) as service:
        paths = [cluster.folder / "one.db", cluster.folder / "two.db"]
        ports = {path: free_port() for path in paths}
        for path in paths:
            create(path)
        run = Run(cluster, "".join(table(path, "publish", port) for path, port in ports.items()))
        service.listen_to(run.node)
        with socket.socket() as one, socket.socket() as two:
            for each, port in zip((one, two), ports.values()):
                each.bind(("127.0.0.1", port))
                each.listen()
            run.start()
            for path in paths:
                run.wait_for_event("node_restarts", path, times=4)
            service.take_waiting()
            expect("READY=1" not in service.heard, "READY=1 with no database that is up")
            one.close()
            service.wait_for("READY=1", 60)
        expect(run.status(paths[0]).get("state") not in (None, "starting"), "READY=1 came too early")


def hanging_disk_silences_the_watchdog(program, chance):
    with Cluster(program) as cluster, PowerDisk(cluster.folder / "far") as disk, \
            ServiceSocket(cluster.folder) as service:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher, folder=disk.folder)
        cluster.wait_for_catch_up(standby)
        standby.stop()
        service.listen_to(standby, watchdog_seconds=6).start()
        service.wait_for("READY=1")
        service.wait_for("WATCHDOG=1")
        for _ in range(rounds(1, 10)):
            subprocess.run(["fsfreeze", "--freeze", str(disk.folder)], check=True)
            try:
                cluster.write_some(50)
                wait_until("it sees that a loop is stuck", lambda: "loop_stuck" in standby.log_text(), 60)
                expect(standby.is_running(), "it ended by itself")
                service.take_waiting()
                # While its log is stuck it looks some more times: each is a chance to say a wrong word.
                let_run(chance, 4, 5)
                expect("WATCHDOG=1" not in service.take_waiting(), "WATCHDOG=1 from a node that is stuck")
            finally:
                subprocess.run(["fsfreeze", "--unfreeze", str(disk.folder)], check=True)
            service.wait_for("WATCHDOG=1", 60)
            cluster.expect_equal(standby)
            count("watchdog silenced by a disk that hangs", 1)
        expect("loop_turns_again" in standby.log_text(), "it does not say that its loops turn again")


def a_lease_shortens_the_watchdog(program, chance):
    """A lease thread that hangs cannot fence: the word is missing long before the unit's own watchdog would be."""
    with lease_peers(program, names="ab") as peers, ServiceSocket(peers.folder) as service:
        node = peers["a"]
        node.stop()
        hold = peers.folder / "hold"
        service.listen_to(node, watchdog_seconds=60)
        node.launcher.append(f"UNDERSTUDY_HOLD_AT=lease_turn:{hold}")
        node.start()
        service.wait_for("READY=1")
        expect("WATCHDOG_USEC=500000" in service.heard, f"half of the margin, a second: {service.heard}")
        service.wait_for("WATCHDOG=1")
        for _ in range(rounds(2, 20)):
            stuck = node.log_text().count("loop_stuck")
            hold.touch()
            wait_until("it sees that a loop is stuck", lambda: node.log_text().count("loop_stuck") > stuck, 20)
            service.take_waiting()
            # Many times what the watchdog bears with: each is a chance to say a wrong word.
            let_run(chance, 1, 2)
            expect("WATCHDOG=1" not in service.take_waiting(), "WATCHDOG=1 from a node that cannot fence")
            hold.unlink()
            service.wait_for("WATCHDOG=1", 60)
            count("watchdog silenced by a lease thread that hangs", 1)
        expect(not peers.said("a", "watchdog_missing"), "its unit has one")
        node.stop()
        service.listen_to(node).start()
        service.wait_for("READY=1")
        wait_until("it misses the watchdog", lambda: peers.said("a", "watchdog_missing"))


if __name__ == "__main__":
    run_scenarios(begin_and_end, ready_means_that_the_role_holds, several_databases,
                  nobody_up_is_not_ready, hanging_disk_silences_the_watchdog, a_lease_shortens_the_watchdog)
