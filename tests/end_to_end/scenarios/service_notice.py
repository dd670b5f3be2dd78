"""What a node tells systemd: READY=1 once its role is found and holds (so that an application that is
ordered after it can never write into what is a standby by now), STOPPING=1, and WATCHDOG=1 only while its
loops turn: on a disk that hangs the words stop, and come again with the disk.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from filesystems import PowerDisk  # noqa: E402
from harness import Cluster, count, expect, let_run, rounds, run_scenarios, wait_until  # noqa: E402
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


if __name__ == "__main__":
    run_scenarios(begin_and_end, ready_means_that_the_role_holds, hanging_disk_silences_the_watchdog)
