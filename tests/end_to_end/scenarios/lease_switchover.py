"""The primary is moved through the lease: nothing is lost, one node takes writes, the epoch is the
store's. And `reinit`: a standby begins anew.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import ledger  # noqa: E402
from harness import count, expect, rounds, run_scenarios, wait_until  # noqa: E402
from leases import lease_peers  # noqa: E402


def there_and_back_under_load(program, chance):
    with lease_peers(program) as peers:
        writer = peers.write_ledger("--rate", "300")
        leader = "a"
        for _ in range(rounds(4, 40)):
            target = chance.choice([node.name for node in peers.nodes if node.name != leader])
            peers[target].wait_for_state("streaming", 60)
            peers.switch_over(target, asked=chance.choice("abc"))
            peers.wait_for_leader(target)
            record = peers.record()
            expect(record["node"] == target, f"{target} leads, and etcd says {record}")
            leader = target
        written = len(peers.journal_rows(-1))
        wait_until("it goes on", lambda: len(peers.journal_rows(-1)) > written + 20)
        writer.finish()
        print(f"longest time without writes: {ledger.longest_gap_ms(peers.journal_rows(-1)):.0f} ms")
        peers.expect_all_equal(leader)
        peers.expect_one_writable(leader)
        peers.expect_nothing_lost(leader, orphans_allowed=False)
        count("switchovers through a lease", rounds(4, 40))


def a_hook_says_no(program, chance):
    """The target gives the lease back, and somebody leads again."""
    with lease_peers(program) as peers:
        peers["b"].stop()
        peers["b"].arguments += ["--before-promote", "false"]
        peers["b"].start()
        peers.wait_until_settled("a")
        peers["b"].run("switchover", "--to", "b")
        wait_until("a node leads that is not b", lambda: peers.leader() in ("a", "c"), 60)
        peers.expect_all_equal(peers.leader())
        peers.expect_one_writable(peers.leader())


def a_standby_begins_anew(program, chance):
    with lease_peers(program) as peers:
        peers.write_rows("a", 50)
        peers.wait_until_settled("a")
        answer = peers["a"].run("reinit", "--node", "c")
        expect(answer.returncode == 0, f"reinit: {answer.stdout}{answer.stderr}")
        wait_until("its log is put aside", lambda: list(peers["c"].state_folder.glob("orphans/*.db")))
        peers.write_rows("a", 20)
        peers.expect_all_equal("a")
        expect("primary" in peers.refused("a", "reinit"), "the primary began anew")


if __name__ == "__main__":
    run_scenarios(there_and_back_under_load, a_hook_says_no, a_standby_begins_anew)
