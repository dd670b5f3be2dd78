"""A standby that is away for longer than the backend keeps records comes back by a resync, while
its readers go from one whole state to another.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, run_scenarios, wait_until  # noqa: E402

SMALL_BACKEND = ("--keep-bytes", "1MiB")


def returns_after_the_log_was_trimmed(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish(*SMALL_BACKEND)
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        reader = cluster.read(standby.database)
        standby.stop()
        had = publisher.seq()
        writer = cluster.write()
        wait_until("the records that it needs are gone",
                   lambda: publisher.status()["backend"]["first_seq"] > had + 1, 60, publisher)
        writer.finish()
        standby.start()
        cluster.expect_equal(standby)
        expect(reader.finish()["reads"] > 0, "no reads")
        count("resyncs after falling behind", 1)


if __name__ == "__main__":
    run_scenarios(returns_after_the_log_was_trimmed)
