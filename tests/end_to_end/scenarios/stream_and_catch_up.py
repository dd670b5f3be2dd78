"""A standby follows while the application writes, from an empty folder on, and after a pause; at
rest it is the primary's state, byte for byte. For several page sizes, and a standby of a standby.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, let_run, run_scenarios  # noqa: E402


def follows_live_writes(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        standby.wait_for_state("streaming")
        writer, reader = cluster.write("--rate", "500"), cluster.read(standby.database)
        let_run(chance, 2, 3)
        committed = writer.finish()["committed"]
        cluster.expect_equal(standby)
        count("transactions streamed", committed)
        count("snapshots checked on standbys", reader.finish()["reads"])
        expect(publisher.stop() == 0 and standby.stop() == 0, "SIGTERM did not end with exit code 0")


def new_standby_joins_under_load(program, chance):
    for page_size in (512, 4096, 65536):
        with Cluster(program) as cluster:
            cluster.create_bank(page_size)
            publisher = cluster.publish()
            publisher.wait_for_state("publishing")
            writer = cluster.write("--writers", "2", "--timeout", "10", "--rate", "200")
            let_run(chance, 0.2, 0.6)
            standby = cluster.subscribe("standby", publisher)
            let_run(chance, 0.5, 1.5)
            writer.finish()
            cluster.expect_equal(standby)


def catches_up_after_a_pause(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        standby.wait_for_state("streaming")
        expect(standby.stop() == 0, "SIGTERM did not end with exit code 0")
        writer = cluster.write()
        let_run(chance, 1, 2)
        count("transactions caught up", writer.finish()["committed"])
        standby.start()
        cluster.expect_equal(standby)


def publisher_starts_last(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        standby.wait_for_state("streaming")
        publisher.stop()
        standby.stop()
        standby.start()
        standby.wait_for_state("connecting")
        cluster.execute("UPDATE tick SET n = n + 1; INSERT INTO journal(n) SELECT n FROM tick")
        publisher.start()
        cluster.expect_equal(standby)


def standby_of_a_standby(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        first = cluster.subscribe("first", publisher)
        second = cluster.subscribe("second", first)
        writer = cluster.write("--rate", "300")
        let_run(chance, 1, 2)
        writer.finish()
        cluster.expect_equal(first, second)


def standby_refuses_writers(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        try:
            cluster.execute("UPDATE tick SET n = 0", standby.database)
        except RuntimeError as error:
            expect("locked" in str(error), f"a writer on the standby got {error}")
        else:
            expect(False, "a writer on the standby could write")
        cluster.expect_equal(standby)


if __name__ == "__main__":
    run_scenarios(follows_live_writes, new_standby_joins_under_load, catches_up_after_a_pause,
                  publisher_starts_last, standby_of_a_standby, standby_refuses_writers)
