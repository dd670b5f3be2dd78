"""kill -9 at each named step of promotion, switchover and standing down (UNDERSTUDY_DIE_AT). After the
restart it is either not begun or finished; one node takes writes; no acknowledged row is gone without
a trace, and none at all where the primary lived; in the end all databases are equal.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers, leader_of  # noqa: E402
from harness import Expectation, count, expect, run_scenarios, wait_until  # noqa: E402

PROMOTE = ("promote_drained", "promote_allowed", "promote_halted", "promote_opened", "promote_recorded",
           "promote_freed")
SWITCHOVER = ("switchover_fenced", "switchover_drained", "switchover_demanded")
DEMOTE = ("demote_recorded", "demote_fenced", "demote_drained")
FINISHED_BY_A_RESTART = ("promote_opened", "promote_recorded", "promote_freed")


def restart_to_die_at(node, step) -> None:
    node.stop()
    os.environ["UNDERSTUDY_DIE_AT"] = step
    try:
        node.start()
    finally:
        del os.environ["UNDERSTUDY_DIE_AT"]


def run_until_it_dies(victim, step, asked, *words) -> None:
    """Runs a command, asked of node `asked`, whose answer may die with `victim`. It is asked again while
    it is refused: a standby whose primary has just been started anew may not have noticed yet."""
    def begin():
        return subprocess.Popen([asked.program, words[0], str(asked.database), *words[1:]],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    command, said = begin(), ""

    def is_dead() -> bool:
        nonlocal command, said
        if victim.is_running() and command.poll() is not None:
            said = command.communicate()[0]
            command = begin()
        return not victim.is_running()

    try:
        wait_until(f"{victim.name} dies at {step}", is_dead, 20)
    except Expectation as error:
        raise Expectation(f"{error}; the command said: {said}") from None
    finally:
        command.kill()
        command.wait()
    expect(victim.exit_code == -9, f"{victim.name} ended with {victim.exit_code}, not at {step}")
    count("kill -9 at a step of a takeover", 1)


def expect_one_writable(peers) -> str:
    leader = ""

    def found() -> bool:
        nonlocal leader
        leader = leader_of(peers.statuses()) or ""
        return leader != "" and peers.is_writable(leader)

    wait_until("a leader takes writes", found)
    peers.wait_until_settled(leader)
    for node in peers.nodes:
        expect(node.name == leader or not peers.is_writable(node.name), f"{node.name} is writable, too")
    return leader


def write_some(peers, leader) -> None:
    """Not elsewhere: who writes to a standby while no process guards it cannot expect to keep that."""
    writer = peers.write_ledger("--rate", "500", only=leader)
    wait_until("rows are written", lambda: writer.process.poll() is None
               and len(peers.journal_rows(-1)) > 30)
    writer.finish()


def promotion(program, chance):
    with Peers(program).start() as peers:
        leader = "a"
        for step in PROMOTE:
            victim = "abc"[("abc".index(leader) + 1) % 3]
            write_some(peers, leader)
            restart_to_die_at(peers[victim], step)
            peers.wait_until_settled(leader)
            peers[leader].kill()
            run_until_it_dies(peers[victim], step, peers[victim], "promote")
            peers[victim].start()
            if step in FINISHED_BY_A_RESTART:
                peers.wait_for_leader(victim)
            else:
                status = peers[victim].wait_for_state("connecting")
                expect(status["role"] == "standby", f"{step}: {victim} leads")
                peers.promote(victim)
            peers[leader].start()
            expect(expect_one_writable(peers) == victim, f"{step}: {victim} does not lead")
            leader = victim
        write_some(peers, leader)
        peers.expect_all_equal(leader)
        peers.expect_nothing_lost(leader, orphans_allowed=False)


def target_of_a_switchover(program, chance):
    with Peers(program).start() as peers:
        leader = "a"
        for step in PROMOTE:
            victim, third = next_two(leader)
            leads = switch_over_and_die(peers, leader, victim, step, victim, third)
            expected = victim if step in FINISHED_BY_A_RESTART else leader
            expect(leads == expected, f"{victim} died at {step}: {leads} leads, not {expected}")
            leader = leads
        peers.expect_all_equal(leader)
        peers.expect_nothing_lost(leader, orphans_allowed=False)


def primary_of_a_switchover(program, chance):
    """The application goes on writing at once where the fence died with its holder."""
    with Peers(program).start() as peers:
        leader, orphans = "a", 0
        for step in (*SWITCHOVER, *DEMOTE):
            target, third = next_two(leader)
            leads = switch_over_and_die(peers, leader, leader, step, target, third)
            expect(leads == target or step in SWITCHOVER, f"{leader} leads again after {step}")
            leader = leads
        peers.expect_all_equal(leader)
        orphans = peers.expect_nothing_lost(leader, orphans_allowed=True)
        count("acknowledged rows that were orphaned", orphans)


def next_two(leader) -> tuple[str, str]:
    at = "abc".index(leader)
    return "abc"[(at + 1) % 3], "abc"[(at + 2) % 3]


def switch_over_and_die(peers, leader, victim, step, target, asked) -> str:
    """Returns who leads when `victim` is back."""
    restart_to_die_at(peers[victim], step)
    peers.wait_until_settled(leader)
    writer = peers.write_ledger("--rate", "500", only=leader)
    wait_until("rows are written", lambda: len(peers.journal_rows(-1)) > 30)
    run_until_it_dies(peers[victim], step, peers[asked], "switchover", "--to", target)
    peers[victim].start()
    wait_until("somebody leads", lambda: leader_of(peers.statuses()))
    writer.finish()
    leads = expect_one_writable(peers)
    print(f"{victim} died at {step}: {leads} leads", flush=True)
    return leads


if __name__ == "__main__":
    run_scenarios(promotion, target_of_a_switchover, primary_of_a_switchover)
