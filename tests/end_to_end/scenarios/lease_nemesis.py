"""Everything at once against three machines, each with a node, its application and a member of etcd
(nemesis.py says what), while the applications of all three write whenever they may. Whatever happens, the
history is one that a single database could have had and only who held the lease took writes
(lease_history.py judges, which knows nothing of the product); what was acknowledged of commits that wait is
there; of commits that do not wait no more is lost than is promised; after healing all files are equal.

And that the judge would see it: clusters in which nobody fences an application that has lost its lease.
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import count, expect, rounds, run_scenarios, wait_until  # noqa: E402
from lease_history import both_open, outside_tenure  # noqa: E402
from machines import three_machines  # noqa: E402
from nemesis import Nemesis  # noqa: E402


def run_nemesis(program, chance, waits: bool) -> None:
    with three_machines(program, chance, waits) as machines:
        nemesis = Nemesis(machines, chance)
        until = time.monotonic() + rounds(0, 600)
        while not nemesis.done or time.monotonic() < until:
            nemesis.play_round(blows=rounds(2, 3), pace=rounds(2, 3))
        nemesis.heal()
        history = machines.prove()
        for name, times in sorted(nemesis.done.items()):
            count(f"nemesis: {name}", times)
        missing = {fault.__name__ for fault in nemesis.deck} - set(nemesis.done)
        expect(not missing, f"these faults were never done: {missing}")
        expect(len(history.tenures) >= 3, f"hardly anybody took over: {history.tenures}")


def commits_that_wait(program, chance):
    run_nemesis(program, chance, True)


def asynchronous(program, chance):
    run_nemesis(program, chance, False)


if __name__ == "__main__":
    run_scenarios(commits_that_wait, asynchronous)
