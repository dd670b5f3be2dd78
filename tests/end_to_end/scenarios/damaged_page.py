"""Bytes of a standby's database change while it is down (a bad disk): it is noticed, and mended
with the pages of the primary. `verify` names the damage meanwhile.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import Cluster, count, equality, expect, run_scenarios, wait_until  # noqa: E402


def damage(database, chance):
    """Overwrites 16 bytes in the middle of some page after the first; returns that page."""
    page = chance.randint(2, database.stat().st_size // 4096)
    with open(database, "r+b") as file:
        file.seek((page - 1) * 4096 + chance.randint(100, 4000))
        file.write(os.urandom(16))
    return page


def page_is_mended(program, chance):
    with Cluster(program) as cluster:
        cluster.create_bank()
        cluster.write_some(500)
        cluster.execute("CREATE TABLE ballast(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                        "SELECT i + 1 FROM n WHERE i < 500) "
                        "INSERT INTO ballast SELECT randomblob(3000) FROM n")
        publisher = cluster.publish()
        standby = cluster.subscribe("standby", publisher)
        cluster.expect_equal(standby)
        standby.stop()
        cluster.execute("PRAGMA wal_checkpoint(TRUNCATE)", standby.database)
        page = damage(standby.database, chance)
        answer = standby.run("verify")
        expect(answer.returncode != 0, f"verify did not see the damage of page {page}: {answer.stdout}")
        standby.start()
        cluster.execute("UPDATE ballast SET x = randomblob(3000)")  # touches nearly every page
        wait_until(f"page {page} is mended", lambda: standby.run("verify").returncode == 0, 60, standby)
        cluster.wait_for_catch_up(standby)
        proofs = {node.name: equality.prove(node.database) for node in (publisher, standby)}
        expect(not equality.differences(proofs), f"page {page}: {equality.differences(proofs)}")
        count("damaged pages mended", 1)


if __name__ == "__main__":
    run_scenarios(page_is_mended)
