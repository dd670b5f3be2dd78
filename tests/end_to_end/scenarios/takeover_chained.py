"""A standby of a standby follows a promotion above it, and whoever reads a standby that is promoted loses
nothing: no error, no step back.
"""

import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers, tokens_in  # noqa: E402
from harness import count, expect, run_scenarios, wait_until  # noqa: E402


def write_rows(peers, name, rows):
    writer = peers.write_ledger("--rate", "500", only=name)
    wait_until(f"{name} takes rows", lambda: len(peers.journal_rows(-1)) > rows)
    writer.finish()


def promoted_with_readers(program, chance):
    with Peers(program, "a", "b").start() as peers:
        write_rows(peers, "a", 50)
        peers.wait_until_settled("a")
        leaf = peers.subscribe("leaf", peers["b"])
        peers.nodes.remove(leaf)  # it has no --peers, and is looked at on its own
        try:
            leaf.wait_for_state("streaming")
            reader = sqlite3.connect(peers["b"].database, isolation_level=None)
            reader.execute("BEGIN")
            before = reader.execute("SELECT count(*) FROM ledger").fetchone()
            peers.switch_over("b")
            write_rows(peers, "b", 50)
            expect(reader.execute("SELECT count(*) FROM ledger").fetchone() == before,
                   "the reader's snapshot changed")
            reader.execute("COMMIT")
            expect(reader.execute("SELECT count(*) FROM ledger").fetchone() > before,
                   "the reader does not see what came after")
            peers.expect_all_equal("b")
            leaf.wait_until("it is in the new epoch", lambda status: status["epoch"] == 2)
            wait_until("it has all rows", lambda: tokens_in(leaf.database) == tokens_in(peers["b"].database))
            count("switchovers", 1)
        finally:
            leaf.kill()


if __name__ == "__main__":
    run_scenarios(promoted_with_readers)
