"""The judge of the nemesis: it finds what it must find, and nothing else."""

import unittest

from lease_history import Row, judge, parse_journal


def rows(*entries: tuple[str, str, float, float]) -> list[Row]:
    return [Row(*entry) for entry in entries]


class Judge(unittest.TestCase):
    def test_one_after_the_other_is_right(self):
        told = rows(("1", "a", 0, 1), ("2", "a", 1, 2), ("3", "b", 5, 6), ("4", "a", 8, 9))
        self.assertEqual(judge(told, ["1", "2", "3", "4"], 9, False), [])

    def test_at_the_same_time_either_order_is_right(self):
        told = rows(("1", "a", 0, 3), ("2", "b", 1, 2))
        self.assertEqual(judge(told, ["1", "2"], 9, False), [])
        self.assertEqual(judge(told, ["2", "1"], 9, False), [])

    def test_two_written_to_at_once_are_found(self):
        told = rows(("1", "a", 0, 1), ("2", "b", 2, 3), ("3", "a", 4, 5), ("4", "b", 6, 7))
        self.assertEqual(len(judge(told, ["1", "3", "2", "4"], 9, False)), 1)

    def test_an_acknowledged_row_that_is_gone(self):
        told = rows(("1", "a", 0, 1), ("2", "a", 1, 2), ("3", "b", 5, 6))
        self.assertEqual(len(judge(told, ["1", "3"], 9, False)), 1)
        self.assertEqual(judge(told, ["1", "3"], 9, True), [])

    def test_two_that_take_turns_within_an_epoch(self):
        told = rows(("1", "a", 0, 1), ("2", "b", 2, 3), ("3", "a", 4, 5), ("4", "b", 6, 7))
        self.assertEqual(judge(told, ["1", "2", "4"], 4, True), [])
        self.assertEqual(len(judge(told, ["1", "2", "4"], 3, True)), 1)

    def test_rows_of_unknown_outcome_count_for_nothing(self):
        told = rows(("1", "a", 0, 1))
        self.assertEqual(judge(told, ["0", "1", "x"], 9, False), [])

    def test_a_row_that_stands_there_twice(self):
        self.assertEqual(len(judge(rows(("1", "a", 0, 1)), ["1", "1"], 9, False)), 1)

    def test_a_line_that_a_kill_left_unfinished(self):
        self.assertEqual(parse_journal("t\t1\t2\nu\t3", "a"), [Row("t", "a", 1, 2)])


if __name__ == "__main__":
    unittest.main()
