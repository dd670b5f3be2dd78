"""What happens to the database while no publisher watches is found on its return: plain writes,
checkpoints of the whole WAL, VACUUM, a change of the journal mode and back, a restored backup.
"""

import shutil
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, run_scenarios  # noqa: E402

TICKS = ("UPDATE tick SET n = n + 1; "
         "INSERT INTO journal(n, note, attachment) SELECT n, 'gap', randomblob(3000) FROM tick;")


def write_a_little(cluster):
    cluster.execute(TICKS * 3)


def checkpoint_everything(cluster):
    cluster.execute(TICKS + "PRAGMA wal_checkpoint(TRUNCATE);" + TICKS)


def vacuum(cluster):
    cluster.execute("DELETE FROM journal WHERE n % 2 AND n < (SELECT n FROM tick); VACUUM")


def change_schema(cluster):
    cluster.execute("CREATE TABLE later(x PRIMARY KEY, y) WITHOUT ROWID; DROP INDEX journal_by_note;"
                    "ALTER TABLE journal ADD COLUMN extra DEFAULT 7;" + TICKS)


def leave_wal_mode_and_return(cluster):
    cluster.execute("PRAGMA journal_mode=DELETE;" + TICKS + "PRAGMA journal_mode=WAL;" + TICKS)


def restore_by_sqlite(cluster):
    cluster.execute(f".restore {cluster.folder}/backup.db")


def restore_by_copying_the_file(cluster):
    for suffix in ("-wal", "-shm"):
        pathlib.Path(f"{cluster.database}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(cluster.folder / "backup.db", cluster.database)


def nothing(cluster):
    pass


GAPS = (nothing, write_a_little, checkpoint_everything, vacuum, change_schema,
        leave_wal_mode_and_return, restore_by_sqlite, restore_by_copying_the_file)


def publisher_is_away(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute(TICKS * 20)
        cluster.execute(f".backup {cluster.folder}/backup.db")
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        for gap in chance.sample(GAPS, len(GAPS)):
            cluster.execute(TICKS * 5)
            cluster.expect_equal(standby)
            before = publisher.status()
            if chance.random() < 0.5:
                publisher.kill()
            else:
                publisher.stop()
            gap(cluster)
            publisher.start()
            publisher.wait_for_state("publishing")
            cluster.expect_equal(standby)
            after = publisher.status()
            expect(after["stream_id"] == before["stream_id"], f"{gap.__name__}: a new stream")
            expect(after["seq"] >= before["seq"], f"{gap.__name__}: seq went back")
            if gap is nothing:
                expect(after["seq"] == before["seq"], "a restart made a record of nothing")
            count("gaps repaired", 1)


def nothing_is_written_between_gaps(program, chance):
    """The publisher has seen no frame since it last attached, so its cursor names an empty WAL."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.expect_equal(standby)
        for gap in (write_a_little, checkpoint_everything, write_a_little, vacuum):
            publisher.stop()
            gap(cluster)
            publisher.start()
            publisher.wait_for_state("publishing")
            cluster.expect_equal(standby)
            count("gaps repaired", 1)


if __name__ == "__main__":
    run_scenarios(publisher_is_away, nothing_is_written_between_gaps)
