"""kill -9 of the publisher at random instants under load. The application, with no busy timeout,
gets no error; after each restart the log goes on without loss; in the end all are equal.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, let_run, run_scenarios  # noqa: E402

KILLS = 12


def kills_under_load(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        reader = None
        writer = cluster.write()
        for number in range(KILLS):
            if number % 3 == 0:  # at other times the kill may hit the start or a repair
                publisher.wait_for_state("publishing")
                standby.wait_for_state("streaming")
                reader = reader or cluster.read(standby.database)
            let_run(chance, 0.0, 0.5)
            publisher.kill()
            let_run(chance, 0.0, 0.2)
            publisher.start()
        count("transactions while the publisher is killed", writer.finish()["committed"])
        cluster.expect_equal(standby)
        count("snapshots checked on standbys", reader.finish()["reads"])
        count("kill -9 of a publisher", KILLS)


def kills_both_at_once(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        writer = cluster.write("--rate", "800")
        for _ in range(KILLS // 2):
            let_run(chance, 0.0, 0.6)
            for node in chance.sample([publisher, standby], 2):
                node.kill()
            for node in chance.sample([publisher, standby], 2):
                node.start()
        writer.finish()
        cluster.expect_equal(standby)
        count("kill -9 of a publisher", KILLS // 2)
        count("kill -9 of a standby", KILLS // 2)


if __name__ == "__main__":
    run_scenarios(kills_under_load, kills_both_at_once)
