"""kill -9 of a standby at random instants, while readers in other processes check that they see
whole transactions only and that time never goes back; and kills while it fetches its first copy.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, let_run, run_scenarios  # noqa: E402

KILLS = 15


def kills_while_readers_check(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        writer = cluster.write("--rate", "1000")
        readers = [cluster.read(standby.database) for _ in range(2)]
        for number in range(KILLS):
            if number % 4 == 0:
                standby.wait_for_state("streaming")
            let_run(chance, 0.0, 0.4)
            standby.kill()
            let_run(chance, 0.0, 0.1)
            standby.start()
        writer.finish()
        cluster.expect_equal(standby)
        count("snapshots checked on standbys", sum(reader.finish()["reads"] for reader in readers))
        count("kill -9 of a standby", KILLS)


def kills_during_the_first_copy(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute("CREATE TABLE ballast(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                        "SELECT i + 1 FROM n WHERE i < 30000) "
                        "INSERT INTO ballast SELECT randomblob(2000) FROM n")
        publisher = cluster.publish()
        publisher.wait_for_state("publishing")
        writer = cluster.write("--rate", "100")
        standby = cluster.subscribe("standby", publisher)
        for _ in range(KILLS // 3):
            let_run(chance, 0.02, 0.25)
            standby.kill()
            standby.start()
        writer.finish()
        cluster.expect_equal(standby)
        count("kill -9 of a standby", KILLS // 3)


if __name__ == "__main__":
    run_scenarios(kills_while_readers_check, kills_during_the_first_copy)
