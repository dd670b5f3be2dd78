"""SIGSTOP for seconds, of either side, under load: the application with no busy timeout gets no
error, and all heals after SIGCONT.
"""

import time
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, run_scenarios  # noqa: E402

STOPPED_SECONDS = 3


def stop_and_go_on(program, pick):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        writer = cluster.write("--rate", "500")
        node = pick(publisher, standby)
        node.pause()
        time.sleep(STOPPED_SECONDS)  # the fault's length
        expect(writer.process.poll() is None, "the application ended")
        node.resume()
        committed = writer.finish()["committed"]
        expect(committed > STOPPED_SECONDS * 100, f"the application made {committed} transactions")
        cluster.expect_equal(standby)
        count("SIGSTOP", 1)


def publisher_is_stopped(program, chance):
    stop_and_go_on(program, lambda publisher, standby: publisher)


def standby_is_stopped(program, chance):
    stop_and_go_on(program, lambda publisher, standby: standby)


if __name__ == "__main__":
    run_scenarios(publisher_is_stopped, standby_is_stopped)
