"""Disk full, on the publisher's state directory, the standby's state directory, and the standby's
database: the application goes on without an error, the status says what is wrong, all heals by
itself once there is space, and nothing is lost.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from filesystems import SmallDisk  # noqa: E402
from harness import Cluster, count, expect, let_run, rounds, run_scenarios, wait_until  # noqa: E402


def complains(node):
    status = node.status() or {}
    return bool(status.get("last_error") or status.get("warnings")
                or status.get("state") not in ("publishing", "streaming", "catching_up"))


def fill_and_free(cluster, disk, node, standby, chance):
    for _ in range(rounds(2, 8)):
        writer = cluster.write("--rate", "300")
        disk.fill()
        wait_until(f"{node.name} says that its disk is full", lambda: complains(node), 40, node)
        let_run(chance, 0.5, 1.5)
        expect(writer.process.poll() is None, "the application ended")
        disk.free()
        let_run(chance, 0, 1)
        count("transactions around a full disk", writer.finish()["committed"])
        cluster.expect_equal(standby, timeout=60)
        wait_until(f"{node.name} is well again", lambda: not complains(node), 30, node)
        count("full disks", 1)


def state_of_the_publisher(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        with SmallDisk(cluster.folder / "primary.db-understudy", "48m") as disk:
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher)
            cluster.wait_for_catch_up(standby)
            fill_and_free(cluster, disk, publisher, standby, chance)
            publisher.kill()


def state_of_the_standby(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        with SmallDisk(cluster.folder / "standby.db-understudy", "48m") as disk:
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher)
            cluster.wait_for_catch_up(standby)
            fill_and_free(cluster, disk, standby, standby, chance)
            standby.kill()


def database_of_the_standby(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        with SmallDisk(cluster.folder / "there", "96m") as disk:
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher, folder=disk.folder)
            cluster.wait_for_catch_up(standby)
            fill_and_free(cluster, disk, standby, standby, chance)
            standby.kill()


def no_space_for_a_new_standby(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute("INSERT INTO journal(n, attachment) SELECT n + 1, randomblob(20000000) FROM tick; "
                        "UPDATE tick SET n = n + 1")
        with SmallDisk(cluster.folder / "there", "80m") as disk:
            publisher = cluster.publish()
            disk.fill()
            disk.ballast.write_bytes(bytes(70 << 20))
            standby = cluster.subscribe("standby", publisher, folder=disk.folder)
            wait_until("the standby says that its disk is full", lambda: not standby.is_running()
                       or complains(standby) and "resyncing" in standby.log_text(), 30)
            let_run(chance, 0.5, 1)
            disk.free()
            if not standby.is_running():  # a supervisor restarts on exit code 3
                expect(standby.exit_code == 3, f"ended with exit code {standby.exit_code}")
                standby.start()
            cluster.expect_equal(standby)
            standby.kill()
            count("full disks", 1)


if __name__ == "__main__":
    run_scenarios(state_of_the_publisher, state_of_the_standby, database_of_the_standby,
                  no_space_for_a_new_standby)
