"""The application's own checkpoints, of every mode, go on working beside a publisher: no writer gets
SQLITE_BUSY, with a busy timeout each checkpoint succeeds, and the WAL stays bounded. The same seed
is run without a publisher as control.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, expect, rounds, run_scenarios  # noqa: E402

BUSY_TIMEOUT_MS = 5000
MOST_WAL_BYTES = 64 << 20  # 4000 frames are the publisher's window; an order of magnitude above
MODES = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")


def run(program, options, published):
    with Cluster(program) as cluster:
        cluster.create_bank()
        if published:
            publisher = cluster.publish()
            standby = cluster.subscribe("standby", publisher)
            cluster.wait_for_catch_up(standby)
        did = cluster.run_program("checkpoints.py", str(cluster.database), *options).wait(timeout=200)
        if published:
            cluster.expect_equal(standby)
        return did


def compare(program, chance, who, timeout_ms):
    options = ("--seed", str(chance.getrandbits(31)), "--rounds", str(rounds(150, 2000)),
               "--timeout", str(timeout_ms), "--who", who)
    alone, published = run(program, options, False), run(program, options, True)
    for mode in MODES:
        print(f"{mode}, {who} connection, busy timeout {timeout_ms} ms: median and maximum "
              f"{published[mode + '_median_us']} and {published[mode + '_max_us']} µs, "
              f"{published[mode + '_busy']} of {published[mode + '_made']} busy; without publisher "
              f"{alone[mode + '_median_us']} and {alone[mode + '_max_us']} µs", flush=True)
        expect(alone[mode + "_busy"] == 0, f"control: {mode} was busy")
        expect(timeout_ms == 0 or published[mode + "_busy"] == 0,
               f"{mode} was busy {published[mode + '_busy']} times although it waits")
        count("checkpoints of the application", published[mode + "_made"])
        if published[mode + "_busy"]:
            count("checkpoints of the application that ask for no wait and left frames for later",
                  published[mode + "_busy"])
    expect(published["largest_wal"] < MOST_WAL_BYTES, f"WAL of {published['largest_wal']} bytes")


def by_the_writer_itself(program, chance):
    compare(program, chance, "same", BUSY_TIMEOUT_MS)


def by_another_connection(program, chance):
    compare(program, chance, "other", BUSY_TIMEOUT_MS)


def without_a_busy_timeout(program, chance):
    for who in ("same", "other"):
        compare(program, chance, who, 0)


def beside_writers_in_other_processes(program, chance):
    """All wait for each other as applications do; nobody gets an error."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.wait_for_catch_up(standby)
        writer = cluster.write("--writers", "2", "--timeout", "10", "--rate", "150")
        checkpointer = cluster.run_program(
            "checkpoints.py", str(cluster.database), "--seed", str(chance.getrandbits(31)), "--rounds",
            str(rounds(60, 1000)), "--timeout", "10000", "--who", "other")
        did = checkpointer.wait(timeout=200)
        writer.finish()
        for mode in MODES:
            expect(did[mode + "_busy"] == 0, f"{mode} was busy {did[mode + '_busy']} times")
        cluster.expect_equal(standby)


if __name__ == "__main__":
    run_scenarios(by_the_writer_itself, by_another_connection, without_a_busy_timeout,
                  beside_writers_in_other_processes)
