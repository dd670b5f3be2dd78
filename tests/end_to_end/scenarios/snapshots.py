"""Snapshots of a database that is written to all the time, by publisher and standby: each restores by
itself to a whole state. A kill -9 in the middle leaves nothing under a snapshot's name, and the
application's checkpoints go through meanwhile.
"""

import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import bank  # noqa: E402
from harness import (Cluster, count, equality, expect, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)


def run(program: str, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def expect_whole(program: str, cluster: Cluster, snapshot: pathlib.Path) -> None:
    """Restored from it alone, SQLite and the bank's own rules find it right."""
    output = cluster.folder / "restored.db"
    done = run(program, "restore", "--log", snapshot, "--output", output)
    expect(done.returncode == 0, f"{snapshot.name}: {done.stderr}")
    connection = sqlite3.connect(output)
    faults, _ = bank.faults_in(connection, 0)
    expect(not faults, f"{snapshot.name}: {faults}")
    expect(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], f"{snapshot.name}: damaged")
    connection.close()
    for left in cluster.folder.glob("restored.db*"):
        left.unlink()
    count("snapshots restored", 1)


def fill(cluster: Cluster, mib: int) -> None:
    """What does not compress: so that taking a snapshot takes its time."""
    connection = sqlite3.connect(cluster.database)
    connection.execute("CREATE TABLE IF NOT EXISTS ballast(a)")
    for _ in range(mib):
        connection.execute("INSERT INTO ballast VALUES (randomblob(1048576))")
    connection.commit()
    connection.close()


def snapshots_of(node) -> list[pathlib.Path]:
    return sorted(pathlib.Path(f"{node.database}-understudy/snapshots").glob("*.snapshot"))


def under_load(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        fill(cluster, 20)
        publisher = cluster.publish("--snapshot-every", "off")
        standby = cluster.subscribe("standby", publisher, "--snapshot-every", "off")
        cluster.wait_for_catch_up(standby)
        writer = cluster.write("--writers", "2", "--timeout", "10")
        for number in range(rounds(4, 60)):
            for node in (publisher, standby):
                output = cluster.folder / f"{node.name}{number}.snapshot"
                done = node.run("snapshot", "--output", str(output))
                expect(done.returncode == 0, f"{node.name}: {done.stdout}{done.stderr}")
                expect_whole(program, cluster, output)
            if number == 1:
                cluster.execute("VACUUM")
        writer.finish()
        cluster.expect_equal(standby)


def killed(program, chance):
    """Of the node, while it takes one."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        fill(cluster, 40)
        publisher = cluster.publish("--snapshot-every", "off")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        for _ in range(rounds(5, 60)):
            writer = cluster.write("--transactions", "30")
            taking = subprocess.Popen([program, "snapshot", str(cluster.database)], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            let_run(chance, 0.0, 0.3)
            publisher.kill()
            taking.wait(60)
            writer.wait()
            for snapshot in snapshots_of(publisher):
                expect_whole(program, cluster, snapshot)
            publisher.start()
            publisher.wait_until("it publishes", lambda status: status["state"] == "publishing", 60)
            count("kill -9 while a snapshot is taken", 1)
        done = publisher.run("snapshot")
        expect(done.returncode == 0, f"after the kills: {done.stdout}{done.stderr}")
        folder = pathlib.Path(f"{cluster.database}-understudy/snapshots")
        wait_until("what was unfinished is gone", lambda: not list(folder.glob("*.partial")))
        expect_whole(program, cluster, snapshots_of(publisher)[-1])


def checkpoints_go_through(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        fill(cluster, 60)
        publisher = cluster.publish("--snapshot-every", "off")
        publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
        output = cluster.folder / "taken.snapshot"
        taking = subprocess.Popen([program, "snapshot", str(cluster.database), "--output", str(output)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection = sqlite3.connect(cluster.database, timeout=5, isolation_level=None)
        made = 0
        while taking.poll() is None:
            connection.execute("UPDATE accounts SET balance = balance WHERE id = 1")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            expect(busy == 0, "a checkpoint that waits was refused while a snapshot was taken")
            made += 1
        expect(taking.returncode == 0 and made > 0, f"exit code {taking.returncode}, {made} checkpoints")
        connection.close()
        expect_whole(program, cluster, output)
        count("checkpoints while a snapshot was taken", made)


def start_to_die_at(node, step: str) -> None:
    node.launcher = ["env", f"UNDERSTUDY_DIE_AT={step}"]
    node.start()
    node.launcher = []


def killed_at_each_step(program, chance):
    """Of the node, while it takes a snapshot, and while retention removes records and snapshots: what is left
    restores to the last state."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish("--snapshot-every", "off")
        for step in ("snapshot_written", "snapshot_synced", "snapshot_named"):
            publisher.kill()
            start_to_die_at(publisher, step)
            publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
            cluster.write_some(5)
            expect(publisher.run("snapshot").returncode != 0, f"{step}: it did not die")
            wait_until(f"it dies at {step}", lambda: not publisher.is_running())
            publisher.start()
            publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
            done = publisher.run("snapshot")
            expect(done.returncode == 0, f"{step}: {done.stderr}")
            expect(not list(snapshots_of(publisher)[-1].parent.glob("*.partial")), f"{step}: something is left")
            expect_whole(program, cluster, snapshots_of(publisher)[-1])
            count("kill -9 at a step of a snapshot", 1)
        publisher.kill()
        arguments = [each for each in publisher.arguments if each not in ("--snapshot-every", "off")]
        publisher.arguments = [*arguments, "--snapshot-every", "1h", "--keep-age", "1s"]
        for step in ("log_trimmed", "log_freed", "snapshot_removed"):
            start_to_die_at(publisher, step)
            for _ in range(2):  # what is before the newer one may go once it is older than a second
                cluster.write_some(30)
                publisher.run("snapshot")
            wait_until(f"it dies at {step}", lambda: not publisher.is_running(), 60)
            publisher.start()
            publisher.wait_until("it publishes", lambda status: status["state"] == "publishing")
            publisher.stop()
            output = cluster.folder / "restored.db"
            state = f"{cluster.database}-understudy"
            done = run(program, "log", state, "check")
            expect(done.returncode == 0, f"{step}: {done.stdout}{done.stderr}")
            done = run(program, "restore", "--state", state, "--output", output)
            expect(done.returncode == 0, f"{step}: {done.stderr}")
            expect(equality.run_sqlite(output, ".sha3sum") == equality.run_sqlite(cluster.database, ".sha3sum"),
                   f"{step}: what was restored is not the database")
            output.unlink()
            count("kill -9 at a step of retention", 1)


if __name__ == "__main__":
    run_scenarios(under_load, killed, killed_at_each_step, checkpoints_go_through)
