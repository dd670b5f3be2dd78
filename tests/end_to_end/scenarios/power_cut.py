"""The power fails: ext4 on a loop device, shut down by the kernel under load, everything killed, the
disk mounted again. What a standby had acknowledged as durable is there; all converge; plain SQLite on
the same device is the control, with FULL, where nothing may be lost, and with NORMAL, where something
must be lost some time, or the harness cuts no power.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from filesystems import PowerDisk  # noqa: E402
from harness import (Cluster, count, expect, freeze, let_run, rounds, run_scenarios,  # noqa: E402
                     tick_of)


def cut_power(cluster, disks, writer, *nodes) -> int:
    """Returns the last tick that others could see before the cut. All processes are at rest when it
    comes: an fsync that is under way in the kernel at that instant may report what is not true."""
    freeze(*writer.pids(), *[node.pid for node in nodes])
    tick = tick_of(cluster.database)
    for disk in disks:
        disk.cut()
    for process in (writer, *nodes):
        process.kill()
    for disk in disks:
        disk.power_up()
    return tick


def lost_by_plain_sqlite(cluster, chance, synchronous) -> int:
    with PowerDisk(cluster.folder / f"disk-{chance.getrandbits(30)}", 64) as disk:
        cluster.database = disk.folder / "primary.db"
        cluster.create_bank()
        writer = cluster.write("--synchronous", synchronous)
        let_run(chance, 0.2, 0.5)
        return cut_power(cluster, [disk], writer) - max(tick_of(cluster.database), 0)


def control(program, chance):
    with Cluster(program) as cluster:
        for _ in range(rounds(2, 20)):
            expect(lost_by_plain_sqlite(cluster, chance, "FULL") <= 0, "SQLite lost a transaction with FULL")
        cuts = 0
        while lost_by_plain_sqlite(cluster, chance, "NORMAL") <= 0:
            cuts += 1
            expect(cuts < 20, "20 cuts and nothing lost: this harness cuts no power")


def standby(program, chance):
    with Cluster(program) as cluster, PowerDisk(cluster.folder / "far") as disk:
        cluster.create_bank()
        publisher = cluster.publish()
        node = cluster.subscribe("standby", publisher, folder=disk.folder)
        cluster.wait_for_catch_up(node)
        for _ in range(rounds(5, 60)):
            writer = cluster.write()
            let_run(chance, 0.2, 0.8)
            acknowledged = publisher.status()["standbys"][0]["durable_seq"]
            freeze(node.pid)
            disk.cut()
            publisher.kill()  # so that nobody can give back what was lost
            node.kill()
            disk.power_up()
            node.start()
            status = node.wait_until("located", lambda status: None not in (
                status["durable_seq"], status["applied_seq"]))
            expect(status["durable_seq"] >= acknowledged,
                   f"durable {status['durable_seq']} after the cut, {acknowledged} acknowledged before")
            publisher.start()
            writer.finish()
            cluster.expect_equal(node, timeout=60)
            count("power cuts of a standby", 1)


def primary(program, chance):
    power_cuts_of_the_primary(program, chance, with_standby=False)


def both(program, chance):
    power_cuts_of_the_primary(program, chance, with_standby=True)


def power_cuts_of_the_primary(program, chance, with_standby):
    with (Cluster(program) as cluster, PowerDisk(cluster.folder / "near") as near,
          PowerDisk(cluster.folder / "far") as far):
        cluster.database = near.folder / "primary.db"
        cluster.create_bank()
        publisher = cluster.publish()
        node = cluster.subscribe("standby", publisher, folder=far.folder)
        cluster.wait_for_catch_up(node)
        for number in range(rounds(5, 60)):
            synchronous = ("FULL", "NORMAL")[number % 2]
            writer = cluster.write("--synchronous", synchronous)
            let_run(chance, 0.2, 0.8)
            cut = [(near, publisher), (far, node)][:2 if with_standby else 1]
            seen = cut_power(cluster, [disk for disk, _ in cut], writer, *[each for _, each in cut])
            now = tick_of(cluster.database)
            expect(synchronous == "NORMAL" or now >= seen,
                   f"the application lost {seen - now} transactions with synchronous=FULL")
            if with_standby:
                node.start()
            publisher.start()
            cluster.execute("UPDATE tick SET n = n + 1; INSERT INTO journal(n) SELECT n FROM tick")
            cluster.expect_equal(node, timeout=60)
            count("power cuts of a primary", 1)


if __name__ == "__main__":
    run_scenarios(control, standby, primary, both)
