"""Disk full, on the publisher's state directory, the standby's state directory, and the standby's
database: the application goes on without an error, the status says what is wrong, all heals by
itself once there is space, and nothing is lost.
"""

import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from filesystems import SmallDisk  # noqa: E402
from harness import (Cluster, Expectation, count, expect, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)


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


def database_of_the_standby_alone(program, chance):
    """The apply thread's own trouble: records are received and kept, and cannot be shown."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        there = cluster.folder / "there"
        with SmallDisk(there, "24m") as disk, SmallDisk(there / "standby.db-understudy", "96m"):
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher, folder=there)
            cluster.wait_for_catch_up(standby)
            pid = standby.pid
            for _ in range(rounds(2, 8)):
                disk.fill()
                writer = cluster.write("--rate", "300")
                wait_until("the standby says that it cannot apply", lambda: any(
                    "not applied" in text for text in (standby.status() or {}).get("warnings", [])),
                    40, standby)
                expect_read_only(standby)
                let_run(chance, 0.5, 1.5)
                disk.free()
                count("transactions around a full disk", writer.finish()["committed"])
                cluster.expect_equal(standby, timeout=60)
                wait_until("the standby is well again", lambda: not complains(standby), 30, standby)
                count("full disks", 1)
            expect(standby.pid == pid and standby.is_running(), "the standby was started anew")
            lines = standby.log_text().count("apply_disk_full")
            expect(lines <= 4 * rounds(2, 8), f"a full disk is said {lines} times")
            standby.kill()


def expect_read_only(standby):
    """Whatever happens to its replica, nobody else may write into it."""
    connection = sqlite3.connect(standby.database, timeout=0)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return
    finally:
        connection.close()
    raise Expectation("a program could write into the standby's database")


def no_space_for_a_new_database(program, chance):
    """The stage has its space in the state directory; the database that it becomes has none."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute("INSERT INTO journal(n, attachment) SELECT n + 1, randomblob(20000000) FROM tick; "
                        "UPDATE tick SET n = n + 1")
        there = cluster.folder / "there"
        with SmallDisk(there, "64m") as disk, SmallDisk(there / "standby.db-understudy", "96m"):
            publisher = cluster.publish()
            disk.ballast.write_bytes(bytes(55 << 20))
            standby = cluster.subscribe("standby", publisher, folder=there)
            wait_until("the standby says that it cannot apply", lambda: any(
                "not applied" in text for text in (standby.status() or {}).get("warnings", [])),
                40, standby)
            let_run(chance, 0.5, 1)
            disk.free()
            cluster.expect_equal(standby)
            wait_until("the standby is well again", lambda: not complains(standby), 30, standby)
            standby.kill()
            count("full disks", 1)


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
            wait_until("the standby says that its disk is full", lambda: any(
                "disk is full" in text for text in (standby.status() or {}).get("warnings", [])),
                30, standby)
            let_run(chance, 0.5, 1)
            disk.free()
            cluster.expect_equal(standby)
            wait_until("the standby is well again", lambda: not complains(standby), 30, standby)
            standby.kill()
            count("full disks", 1)


if __name__ == "__main__":
    run_scenarios(state_of_the_publisher, state_of_the_standby, database_of_the_standby,
                  database_of_the_standby_alone, no_space_for_a_new_database,
                  no_space_for_a_new_standby)
