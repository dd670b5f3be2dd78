"""Everything at once against three machines, each with a node, its application and a member of etcd
(nemesis.py says what), while the applications of all three write whenever they may. Whatever happens, the
history is one that a single database could have had and only who held the lease took writes
(lease_history.py judges, which knows nothing of the product); what was acknowledged of commits that wait is
there; of commits that do not wait no more is lost than is promised; after healing all files are equal.

And that the judge would see it: clusters in which nobody fences an application that has lost its lease.
"""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import count, expect, rounds, run_scenarios, wait_until  # noqa: E402
from lease_history import both_open, outside_tenure  # noqa: E402
from machines import Mode, three_machines  # noqa: E402
from nemesis import Nemesis  # noqa: E402


def run_nemesis(program, chance, mode: Mode) -> None:
    print(f"commits: {mode.name.lower()}", flush=True)
    with three_machines(program, chance, mode) as machines:
        machines.expect_clocks_to_jump()
        nemesis = Nemesis(machines, chance)
        until = time.monotonic() + rounds(0, 600)
        while not nemesis.done or time.monotonic() < until:
            nemesis.play_round(blows=rounds(2, 3), pace=rounds(1, 3))
        nemesis.heal()
        history = machines.prove()
        for name, times in sorted(nemesis.done.items()):
            count(f"nemesis: {name}", times)
        missing = {fault.__name__ for fault in nemesis.deck} - set(nemesis.done)
        expect(not missing, f"these faults were never done: {missing}")
        expect(len(history.tenures) >= 3, f"hardly anybody took over: {history.tenures}")


def commits_that_wait(program, chance):
    """For ever, or, in every other run, for half a second, and then go on alone until there are standbys:
    what was told to be replicated is there all the same."""
    run_nemesis(program, chance, chance.choice((Mode.WAIT, Mode.DEGRADE)))


def asynchronous(program, chance):
    run_nemesis(program, chance, Mode.ASYNCHRONOUS)


def expect_two_writers(machines, leader, since: float, undo) -> None:
    """Once another one leads, both take writes, and the judge sees it by both of its ways."""
    heir: list = []

    def is_heir_there() -> bool:
        heir[:] = [host for host in (machines.leader(),) if host not in (None, leader)]
        return bool(heir)

    wait_until("another one leads", is_heir_there, 30)
    told = {host: host.rows_told() for host in (leader, *heir)}
    wait_until("both take writes", lambda: all(host.rows_told() > told[host] + 20 for host in told), 30)
    undo()
    history = machines.history([])
    rows = [row for row in history.rows if row.begin > since]
    found = len(both_open(rows)), len(outside_tenure([row for row in rows if row.is_told], history.tenures))
    expect(all(found), f"two took writes, and the judge sees {found}")
    count("nemesis: wrong rows that the judge sees where nobody fences", sum(found))


def nobody_fences(program, chance):
    """Negative controls: a node whose fence does nothing; a node that hangs while nothing is bound to it."""
    with three_machines(program, chance, Mode.ASYNCHRONOUS, environment=("UNDERSTUDY_LEAVE_OUT=lease_fence",)) as machines:
        machines.wait_until_calm(30)
        leader, since = machines.leader(), time.monotonic()
        cut = machines.networks.cut_off(leader.name)
        expect_two_writers(machines, leader, since, cut.mend)
        machines.wait_until_calm(60)
        leader, since = machines.leader(), time.monotonic()
        leader.is_watched = False
        leader.signal_node(signal.SIGSTOP)
        expect_two_writers(machines, leader, since, lambda: leader.signal_node(signal.SIGCONT))


if __name__ == "__main__":
    run_scenarios(commits_that_wait, asynchronous, nobody_fences)
