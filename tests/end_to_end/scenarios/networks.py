"""Bad networks between standby and publisher, under load: delay, cuts, refused connections, half-open
connections (silence in both directions, or one), random bytes in the stream. While nothing comes
through the status says so; afterwards the standby is the primary's state, byte for byte.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import (Cluster, count, expect, free_port, let_run, rounds,  # noqa: E402
                     run_scenarios, wait_until)
from proxy import Network  # noqa: E402

MOST_SECONDS_UNTIL_TOLD = 30


def with_network(program, body):
    with Cluster(program) as cluster:
        cluster.create_bank()
        publisher = cluster.publish()
        network = Network(publisher.port, free_port())
        try:
            standby = cluster.subscribe("standby", network.address)
            cluster.wait_for_catch_up(standby)
            reader = cluster.read(standby.database)
            body(cluster, network, standby)
            cluster.expect_equal(standby)
            count("snapshots checked on standbys", reader.finish()["reads"])
            expect(network.bytes_forwarded > 0, "nothing went through the bad network")
        finally:
            network.close()


def is_told(standby):
    status = standby.status() or {}
    return status.get("state") == "connecting" or (status.get("lag_seconds") or 0) > 1


def break_and_heal(cluster, network, standby, break_it):
    """While it is broken the standby tells that it has lost the primary; then it heals."""
    writer = cluster.write("--rate", "300")
    break_it()
    began = time.monotonic()
    wait_until("the standby says that it is cut off", lambda: is_told(standby),
               MOST_SECONDS_UNTIL_TOLD, standby)
    print(f"told after {time.monotonic() - began:.1f} s", flush=True)
    network.heal()
    began = time.monotonic()
    standby.wait_for_state("streaming", timeout=40)
    print(f"streams again after {time.monotonic() - began:.1f} s", flush=True)
    writer.finish()
    cluster.expect_equal(standby)
    count("broken networks", 1)


def delays(program, chance):
    def body(cluster, network, standby):
        for delay in (0.02, 0.3):
            network.delay = delay
            writer = cluster.write("--rate", "300")
            let_run(chance, 1, 2)
            writer.finish()
            cluster.expect_equal(standby)
    with_network(program, body)


def cuts(program, chance):
    def body(cluster, network, standby):
        writer = cluster.write("--rate", "300")
        for _ in range(rounds(10, 100)):
            let_run(chance, 0, 0.4)
            network.cut()
            count("cut connections", 1)
        writer.finish()
    with_network(program, body)


def refused_connections(program, chance):
    def body(cluster, network, standby):
        def refuse():
            network.refuses = True
            network.cut()
        break_and_heal(cluster, network, standby, refuse)
    with_network(program, body)


def half_open(program, chance):
    def body(cluster, network, standby):
        def fall_silent():
            network.silent_up = network.silent_down = True
        break_and_heal(cluster, network, standby, fall_silent)
    with_network(program, body)


def nothing_comes_down(program, chance):
    def body(cluster, network, standby):
        def fall_silent():
            network.silent_down = True
        break_and_heal(cluster, network, standby, fall_silent)
    with_network(program, body)


def nothing_goes_up(program, chance):
    """The live stream may go on; what is asked for, and acknowledgements, do not arrive."""
    def body(cluster, network, standby):
        writer = cluster.write("--rate", "300")
        network.silent_up = True
        let_run(chance, 3, 5)
        network.heal()
        writer.finish()
        count("broken networks", 1)
    with_network(program, body)


def garbage(program, chance):
    def body(cluster, network, standby):
        writer = cluster.write("--rate", "300")
        for _ in range(rounds(8, 100)):
            network.garbage = chance.randrange(1, 4)
            let_run(chance, 0.1, 0.5)
            network.garbage = 0
            network.cut()  # TCP does not lose bytes; a peer that is out of step has to be left
            count("random bytes in a connection", 1)
        writer.finish()
        expect(standby.is_running() and cluster.nodes[0].is_running(), "garbage ended a node")
    with_network(program, body)


def while_it_copies(program, chance):
    """Cuts during the first copy of a database of some 30 MB: it ends all the same."""
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.execute("INSERT INTO journal(n, attachment) SELECT n + 1, randomblob(30000000) FROM tick; "
                        "UPDATE tick SET n = n + 1")
        publisher = cluster.publish()
        network = Network(publisher.port, free_port())
        try:
            standby = cluster.subscribe("standby", network.address)
            for _ in range(rounds(5, 20)):
                let_run(chance, 0.02, 0.3)
                network.cut()
                count("cut connections", 1)
            cluster.expect_equal(standby)
        finally:
            network.close()


if __name__ == "__main__":
    run_scenarios(delays, cuts, refused_connections, half_open, nothing_comes_down, nothing_goes_up,
                  garbage, while_it_copies)
