"""Negative control of the end-to-end harness: what its checks are for is seen to be caught.

Needs no `understudy`: the readers and the comparison are held against databases that are wrong.
"""

import pathlib
import shutil
import unittest

from harness import Cluster, Expectation, bank, equality, expect, tick_of, wait_until

NO_PROGRAM = "/nonexistent/understudy"


class ReadersCatchAnomalies(unittest.TestCase):
    def reader_sees(self, sql: str) -> str:
        """What a reader says that is at work while `sql` is committed."""
        with Cluster(NO_PROGRAM) as cluster:
            cluster.create_bank()
            cluster.write_some(20)
            reader = cluster.read(cluster.database)
            cluster.execute(sql)
            with self.assertRaises(Expectation) as caught:
                reader.wait(timeout=20)
            return str(caught.exception)

    def test_part_of_a_transfer(self):
        self.assertIn("balances sum up", self.reader_sees(
            "UPDATE accounts SET balance = balance + 1 WHERE id = 1"))

    def test_part_of_a_journal(self):
        self.assertIn("part of a transaction", self.reader_sees("DELETE FROM journal WHERE n = 10"))

    def test_readers_and_writers_without_faults(self):
        with Cluster(NO_PROGRAM) as cluster:
            cluster.create_bank()
            # Who opens a WAL database first recovers it, and others are busy meanwhile: it is open.
            opened = bank.sqlite3.connect(cluster.database)
            opened.execute("SELECT count(*) FROM accounts").fetchone()
            reader = cluster.read(cluster.database)
            self.assertEqual(cluster.write_some(300), 300)
            self.assertGreater(reader.finish()["reads"], 0)
            opened.close()
            self.assertEqual(tick_of(cluster.database), 300)

    def test_time_going_back(self):
        with Cluster(NO_PROGRAM) as cluster:
            cluster.create_bank()
            connection = bank.sqlite3.connect(cluster.database, isolation_level=None)
            faults, _ = bank.faults_in(connection, 1)
            connection.close()
            self.assertEqual(faults, ["time went back: tick 0 after 1"])


class ComparisonCatchesDifferences(unittest.TestCase):
    def differences_after(self, change) -> list[str]:
        with Cluster(NO_PROGRAM) as cluster:
            cluster.create_bank()
            cluster.write_some(50)
            other = cluster.folder / "other.db"
            copy = equality.copy_by_backup(cluster.database, make(cluster, "copy"))
            shutil.copyfile(copy, other)
            change(cluster, other)
            return equality.differences({"a": equality.prove(copy),
                                         "b": equality.prove(other)})

    def test_equal_databases(self):
        self.assertEqual(self.differences_after(lambda cluster, other: None), [])

    def test_other_rows(self):
        found = self.differences_after(lambda cluster, other: cluster.execute(
            "UPDATE journal SET note = 'x' WHERE n = 3", other))
        self.assertEqual([text.split(" than ")[0] for text in found], ["b: other rows", "b: other bytes"])

    def test_same_rows_other_bytes(self):
        found = self.differences_after(lambda cluster, other: cluster.execute("REINDEX", other))
        self.assertEqual(len(found), 1, found)
        self.assertIn("other bytes", found[0])


class WaitingEnds(unittest.TestCase):
    def test_deadline(self):
        with self.assertRaises(Expectation):
            wait_until("never", lambda: False, timeout=0.05)

    def test_expect(self):
        with self.assertRaises(Expectation):
            expect(False, "what is false")


def make(cluster: Cluster, name: str) -> pathlib.Path:
    folder = cluster.folder / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    unittest.main()
