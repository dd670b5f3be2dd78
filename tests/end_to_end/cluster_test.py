"""Negative control of cluster.py and ledger.py: what their checks are for is seen to be caught.

Needs no `understudy`: statuses are made up, and the databases are plain ones.
"""

import pathlib
import shutil
import sqlite3
import tempfile
import unittest

import cluster
import ledger
from harness import Expectation, wait_until

NO_PROGRAM = "/nonexistent/understudy"


def status(role: str, epoch: int, seq: int = 5, state: str | None = None) -> dict:
    usual = "publishing" if role == "primary" else "streaming"
    return {"role": role, "epoch": epoch, "seq": seq, "state": state or usual}


class WhoLeads(unittest.TestCase):
    def test_the_primary_of_the_highest_epoch(self):
        self.assertEqual(cluster.leader_of({"a": status("primary", 1), "b": status("primary", 2)}), "b")
        self.assertEqual(cluster.leader_of({"a": status("primary", 1), "b": None}), "a")

    def test_nobody_while_a_standby_knows_better(self):
        self.assertIsNone(cluster.leader_of({"a": status("primary", 1), "b": status("standby", 2)}))
        self.assertIsNone(cluster.leader_of({"a": None}))

    def test_two_of_one_epoch_are_a_fault(self):
        with self.assertRaises(Expectation):
            cluster.leader_of({"a": status("primary", 2), "b": status("primary", 2)})

    def test_settled_means_all_of_them(self):
        good = {"a": status("standby", 2), "b": status("primary", 2), "c": status("standby", 2)}
        self.assertTrue(cluster.is_settled(good, "b"))
        self.assertFalse(cluster.is_settled(good, "a"))
        for worse in (None, status("standby", 1), status("standby", 2, seq=4),
                      status("standby", 2, state="resyncing")):
            self.assertFalse(cluster.is_settled({**good, "c": worse}, "b"), worse)
        self.assertFalse(cluster.is_settled({**good, "b": status("primary", 2, state="starting")}, "b"))


class Journals(unittest.TestCase):
    def test_an_unfinished_line_is_no_acknowledgement(self):
        rows = ledger.parse_journal("x\t0\t1.5\ny\t1\t2.0\nz\t1\t2.")
        self.assertEqual([row.token for row in rows], ["x", "y"])
        self.assertEqual(ledger.changes_of_database(rows), [0, 1])
        self.assertAlmostEqual(ledger.longest_gap_ms(rows), 500)
        self.assertEqual(ledger.longest_gap_ms([]), 0)


class LostRows(unittest.TestCase):
    def setUp(self):
        self.peers = cluster.Peers(NO_PROGRAM)
        self.addCleanup(self.peers.__exit__, None, None, None)
        for node in self.peers.nodes[:2]:
            ledger.create(str(node.database))

    def write(self, rows: int) -> None:
        """The ledger's writer, until it was told of so many rows in all."""
        writer = self.peers.write_ledger("--rate", "500")
        wait_until("rows are there", lambda: len(self.peers.acknowledged()) >= rows)
        self.assertGreaterEqual(writer.finish()["committed"], 1)

    def execute(self, sql: str) -> None:
        self.peers.execute(sql, self.peers["a"].database)

    def test_nothing_is_lost_without_faults(self):
        self.write(20)
        self.assertEqual(self.peers.expect_nothing_lost("a", orphans_allowed=False), 0)

    def test_one_row_is_missed(self):
        self.write(20)
        self.execute("DELETE FROM ledger WHERE rowid = 7")
        with self.assertRaisesRegex(Expectation, "1 of .* lost"):
            self.peers.expect_nothing_lost("a", orphans_allowed=True)

    def test_an_orphan_is_found_in_its_page_and_only_where_allowed(self):
        self.write(20)
        token = cluster.ledger.parse_journal(self.peers.journals[0].read_text())[6].token
        self.execute("DELETE FROM ledger WHERE rowid = 7")
        folder = self.peers["a"].state_folder / "orphans"
        folder.mkdir(parents=True)
        orphans = sqlite3.connect(folder / "one.db")
        orphans.execute("CREATE TABLE page(pgno INTEGER PRIMARY KEY, content BLOB)")
        orphans.execute("INSERT INTO page VALUES (1, NULL), (2, ?)", (b"\0\1" + token.encode() + b"\2",))
        orphans.commit()
        orphans.close()
        self.assertEqual(self.peers.expect_nothing_lost("a", orphans_allowed=True), 1)
        with self.assertRaisesRegex(Expectation, "orphans"):
            self.peers.expect_nothing_lost("a", orphans_allowed=False)

    def test_the_writer_goes_to_whoever_accepts_and_back_to_nobody_else(self):
        """The write locks are held as standbys hold them; letting go of one is the takeover."""
        locks = {name: sqlite3.connect(self.peers[name].database, isolation_level=None) for name in "ab"}
        self.addCleanup(lambda: [lock.close() for lock in locks.values()])
        locks["b"].execute("BEGIN IMMEDIATE")
        writer = self.peers.write_ledger("--rate", "500")
        wait_until("a accepts", lambda: len(self.peers.acknowledged()) >= 10)
        wait_until("a is fenced", lambda: self.fence(locks["a"]))
        fenced_at = len(self.peers.acknowledged())
        locks["b"].execute("ROLLBACK")
        wait_until("b accepts", lambda: len(self.peers.acknowledged()) >= fenced_at + 10)
        writer.finish()
        self.assertEqual(ledger.changes_of_database(self.peers.acknowledged()), [0, 1])
        tokens = {row.token for row in self.peers.acknowledged()}
        found = [cluster.tokens_in(self.peers[name].database) for name in "ab"]
        self.assertEqual(found[0] | found[1], tokens)
        self.assertFalse(found[0] & found[1])

    def fence(self, lock: sqlite3.Connection) -> bool:
        try:
            lock.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


class Equality(unittest.TestCase):
    def test_another_row_shows(self):
        with tempfile.TemporaryDirectory() as folder:
            one, two = pathlib.Path(folder, "one.db"), pathlib.Path(folder, "two.db")
            ledger.create(str(one))
            shutil.copyfile(one, two)
            cluster.equality.run_sqlite(two, "INSERT INTO ledger VALUES ('x')")
            self.assertEqual(cluster.tokens_in(two) - cluster.tokens_in(one), {"x"})


if __name__ == "__main__":
    unittest.main()
