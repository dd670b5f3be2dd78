"""Any statement: several applications run random SQL of every kind on one database, for many page
sizes, encodings and auto_vacuum modes, while publisher and standby are ended and killed at random.
Whenever they come to rest, all are equal, byte for byte.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import (Cluster, NODE_FAULTS, count, expect, let_run, rounds,  # noqa: E402
                     run_scenarios)
import statements  # noqa: E402

PAGE_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
ENCODINGS = ("UTF-8", "UTF-16le", "UTF-16be")
TICK = "UPDATE tick SET n = n + 1"


def one_database(program, chance, page_size, with_faults):
    encoding, auto_vacuum = chance.choice(ENCODINGS), chance.randrange(3)
    print(f"page_size {page_size}, {encoding}, auto_vacuum {auto_vacuum}", flush=True)
    with Cluster(program) as cluster:
        cluster.create("statements.py", "--page-size", str(page_size), "--encoding", encoding,
                       "--auto-vacuum", str(auto_vacuum))
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        for _ in range(rounds(2, 10)):
            applications = [cluster.run_program("statements.py", str(cluster.database), "--seed",
                                                str(chance.getrandbits(31)), "--rounds", str(rounds(150, 1500)))
                            for _ in range(rounds(2, 3))]
            while with_faults and any(each.process.poll() is None for each in applications):
                let_run(chance, 0.1, 1.5)
                chance.choice(NODE_FAULTS)(chance.choice([publisher, standby]))
                count("restarts and kills of a node under random SQL", 1)
            for application in applications:
                did = application.wait(timeout=280)
                count("random statements", did["statements"])
                count("transactions rolled back", did["rollbacks"])
            cluster.execute(TICK)
            cluster.expect_equal(standby, timeout=120)
            count("comparisons after random SQL", 1)
        expect(publisher.stop() == 0 and standby.stop() == 0, "SIGTERM did not end with exit code 0")


def undisturbed(program, chance):
    for page_size in chance.sample(PAGE_SIZES, rounds(2, len(PAGE_SIZES))):
        one_database(program, chance, page_size, with_faults=False)


def with_restarts_and_kills(program, chance):
    for page_size in chance.sample(PAGE_SIZES, rounds(2, len(PAGE_SIZES))):
        one_database(program, chance, page_size, with_faults=True)


def a_huge_blob_and_its_incremental_change(program, chance):
    """What a random round reaches seldom: 32 MiB in one row, spilled, written into, and gone."""
    with Cluster(program) as cluster:
        cluster.create("statements.py")
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        application = statements.Application(str(cluster.database), chance.getrandbits(31))
        for step in (application.huge_blob, application.spill, application.vacuum,
                     lambda: application.write_into_blob(100), lambda: application.run("DELETE FROM blobs"),
                     lambda: application.run("PRAGMA incremental_vacuum"), application.vacuum):
            step()
        application.database.close()
        cluster.execute(TICK)
        cluster.expect_equal(standby)


if __name__ == "__main__":
    run_scenarios(undisturbed, with_restarts_and_kills, a_huge_blob_and_its_incremental_change)
