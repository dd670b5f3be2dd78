"""The judge of the nemesis: it finds what it must find, and nothing else. Each check is seen to fail."""

import unittest

from lease_history import (ALWAYS, NEVER, Bound, Excuse, History, Poll, Row, Tenure, judge_async, judge_sync,
                           parse_journal, tenures_of)

BOUND = Bound(seconds=5, rows=1)


def row(token: str, database: str, begin: float, end: float, is_told: bool = True) -> Row:
    """It had the lock all the time, but for a tenth at either end."""
    return Row(token, database, begin, begin + 0.1, min(end, begin + 1) - 0.1, end, is_told)


def record(node: str, epoch: int, offered: bool = False, released: bool = False) -> dict:
    return {"node": node, "epoch": epoch, "offered": offered, "released": released}


# a leads until between 10 and 11, then b.
A_THEN_B = [Tenure("a", 1, ALWAYS, 0, 11), Tenure("b", 2, 10, 11)]


def history(rows: list[Row], tokens: str, tenures: list[Tenure] | None = None, excuses=(), records=()) -> History:
    return History(rows, list(records), tenures or A_THEN_B, list(excuses), tokens.split())


class OneWriter(unittest.TestCase):
    def expect(self, wrong: int, *given, **more) -> None:
        """In both modes; no row is gone."""
        self.assertEqual(len(judge_sync(history(*given, **more))), wrong)
        self.assertEqual(len(judge_async(history(*given, **more), set(), BOUND)), wrong)

    def test_one_after_the_other_is_right(self):
        self.expect(0, [row("1", "a", 0, 1), row("2", "a", 1, 2), row("3", "b", 12, 13)], "1 2 3")

    def test_an_end_that_came_late_is_right(self):
        """The application stood still in its COMMIT, which had taken place before."""
        late = Row("1", "a", 5, 5.1, 5.2, 20, True)
        self.expect(0, [late, row("2", "b", 12, 13)], "1 2")

    def test_behind_one_that_began_later(self):
        self.expect(1, [row("1", "a", 0, 1), row("2", "a", 1.5, 2)], "2 1")

    def test_at_the_same_time_either_order_is_right(self):
        both = [Row("1", "a", 0, 0.1, 0.2, 3, True), Row("2", "a", 1, 1.1, 1.2, 2, True)]
        self.expect(0, both, "1 2")
        self.expect(0, both, "2 1")

    def test_two_locks_at_once(self):
        one, other = row("1", "a", 10, 11), row("2", "b", 10.5, 11.5)
        self.expect(1, [one, other], "1 2")

    def test_two_locks_at_once_whatever_commit_said(self):
        self.expect(1, [row("1", "a", 10, 11, False), row("2", "b", 10.5, NEVER, False)], "")

    def test_a_lock_within_a_long_one(self):
        long = Row("1", "a", 9, 9.1, 10.9, 11, True)
        self.expect(2, [long, Row("2", "b", 10, 10.1, 10.2, 10.4, True), Row("3", "b", 10.4, 10.5, 10.6, 11, True)], "1 2 3")

    def test_before_its_tenure(self):
        self.expect(1, [row("1", "b", 8, 9.5)], "1")
        self.expect(0, [row("1", "b", 8, 10.5)], "1")

    def test_after_its_tenure(self):
        self.expect(1, [row("1", "a", 11.5, 12)], "1")
        self.expect(0, [row("1", "a", 10.5, 12)], "1")

    def test_of_a_node_that_never_led(self):
        self.expect(1, [row("1", "c", 1, 2)], "1")

    def test_what_is_excused(self):
        excuses = [Excuse("a", 11, 12)]
        self.expect(0, [row("1", "a", 11.5, 12.5), row("2", "b", 11.6, 12.6)], "1 2", excuses=excuses)
        self.expect(1, [row("1", "b", 8, 9)], "1", excuses=[Excuse("a", 8, 9)])

    def test_a_row_that_stands_there_twice(self):
        self.expect(1, [row("1", "a", 0, 1)], "1 1")

    def test_rows_of_others_count_for_nothing(self):
        self.expect(0, [row("1", "a", 0, 1)], "0 1 x")

    def test_an_epoch_of_two_nodes(self):
        self.expect(1, [], "", records=[(1, record("a", 1)), (2, record("b", 1))])
        self.expect(0, [], "", records=[(1, record("a", 1)), (2, record("b", 2, offered=True)), (3, record("a", 2))])


class Loss(unittest.TestCase):
    def test_of_commits_that_wait(self):
        rows = [row("1", "a", 0, 1), row("2", "a", 1, 2)]
        self.assertEqual(len(judge_sync(history(rows, "1"))), 1)

    def test_of_commits_that_wait_is_never_excused(self):
        self.assertEqual(len(judge_sync(history([row("1", "a", 0, 1)], "", excuses=[Excuse("a", 0, 1)]))), 1)

    def test_what_commit_refused_may_be_gone(self):
        self.assertEqual(judge_sync(history([row("1", "a", 0, 1, False), row("2", "a", 1, NEVER, False)], "")), [])

    def wrong(self, rows: list[Row], tokens: str, orphaned: str) -> list[str]:
        return judge_async(history(rows, tokens), set(orphaned.split()), BOUND)

    def test_a_tail_that_is_kept_is_right(self):
        self.assertEqual(self.wrong([row("1", "a", 0, 1), row("2", "a", 8, 9), row("3", "a", 9, 10)], "1", "2 3"), [])

    def test_one_that_is_not_kept(self):
        self.assertEqual(len(self.wrong([row("1", "a", 0, 1), row("2", "a", 8, 9)], "1", "")), 1)

    def test_one_before_a_survivor(self):
        self.assertEqual(len(self.wrong([row("1", "a", 8, 8.5), row("2", "a", 9, 10)], "2", "1")), 1)

    def test_one_before_a_survivor_of_the_next_tenure(self):
        self.assertEqual(self.wrong([row("1", "a", 8, 8.5), row("2", "b", 12, 13)], "2", "1"), [])

    def test_more_than_the_bound(self):
        rows = [row("1", "a", 0, 1), row("2", "a", 1, 2), row("3", "a", 9, 10)]
        self.assertEqual(len(self.wrong(rows, "", "1 2 3")), 1)
        self.assertEqual(self.wrong(rows, "1", "2 3"), [])


class Reading(unittest.TestCase):
    def test_a_journal(self):
        text = "held\tt\t1\t2\t3\ncommit\tt\t4\ttold\nheld\tu\t5\t6\t7\ncommit\tu\t8\trefused\nheld\tv\t9\t9\t9\ncommit\tv\t1"
        self.assertEqual(parse_journal(text, "a"), [Row("t", "a", 1, 2, 3, 4, True), Row("u", "a", 5, 6, 7, 8, False),
                                                    Row("v", "a", 9, 9, 9, NEVER, False)])

    def test_tenures(self):
        records = [(2, record("a", 1)), (3, record("a", 1)), (5, record("b", 2, offered=True)), (6, record("b", 2)),
                   (7, record("b", 2, released=True)), (9, record("b", 3)), (11, record("a", 4))]
        polls = [Poll(0, 1, 2), Poll(2, 3, 5), Poll(2.5, 4, 5), Poll(3, 5, 6), Poll(6, 6.5, 7), Poll(7, 8, 9),
                 Poll(7.5, 9, 11), Poll(9, 10, 11)]
        self.assertEqual(tenures_of(records, polls), [
            Tenure("a", 1, ALWAYS, 1, 3), Tenure("b", 2, 2.5, 5, 6.5), Tenure("b", 3, 6, 8, 9), Tenure("a", 4, 7, 9)])

    def test_without_a_poll_nothing_is_known(self):
        self.assertEqual(tenures_of([(1, record("a", 1)), (2, record("b", 2))], []),
                         [Tenure("a", 1, ALWAYS, NEVER), Tenure("b", 2, ALWAYS, NEVER)])


if __name__ == "__main__":
    unittest.main()
