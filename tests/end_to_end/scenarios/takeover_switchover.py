"""Switchovers round robin under load: no acknowledged row is lost, writers see nothing but SQLITE_BUSY,
and the old primary follows the new one. Asked of the target, of the primary, and of the third node.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ledger  # noqa: E402
from cluster import Peers  # noqa: E402
from harness import count, expect, rounds, run_scenarios, wait_until  # noqa: E402


def refusals(peers):
    expect("is the primary already" in peers.refused("a", "switchover", "--to", "a"), "to itself")
    expect("no node nobody" in peers.refused("a", "switchover", "--to", "nobody"), "to nobody")
    dry = peers["c"].run("switchover", "--to", "b", "--dry-run")
    expect(dry.returncode == 0 and "would hand over to b" in dry.stdout, f"{dry.stdout}{dry.stderr}")
    expect(peers["a"].status()["role"] == "primary", "a dry run moved the primary")


def round_robin(program, chance):
    with Peers(program).start() as peers:
        refusals(peers)
        writer = peers.write_ledger("--rate", "1000")
        wait_until("rows are written", lambda: len(peers.acknowledged()) > 100)
        leader, longest = "a", 0.0
        for number in range(rounds(10, 100)):
            target = "abc"[("abc".index(leader) + 1) % 3]
            third = ({"a", "b", "c"} - {leader, target}).pop()
            peers[target].wait_for_state("streaming")
            asked = (target, leader, third)[number % 3]
            longest = max(longest, peers.switch_over(target, asked=asked))
            peers.wait_for_leader(target)
            rows = len(peers.acknowledged())
            wait_until(f"rows are written to {target}", lambda: len(peers.acknowledged()) > rows + 20)
            leader = target
            count("switchovers", 1)
        writer.finish()
        peers.expect_all_equal(leader)
        peers.expect_nothing_lost(leader, orphans_allowed=False)
        print(f"longest time without a write: {ledger.longest_gap_ms(peers.acknowledged()):.0f} ms; "
              f"longest command: {longest * 1000:.0f} ms", flush=True)
        expect(not peers.unexpected_errors(), f"writers saw {peers.unexpected_errors()[:500]}")
        epochs = peers[leader].run("history", "--json").stdout.count('"epoch"')
        expect(epochs == rounds(10, 100) + 1, f"{epochs} epochs on record")


if __name__ == "__main__":
    run_scenarios(round_robin)
