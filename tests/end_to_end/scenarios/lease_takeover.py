"""Nobody is awake: the primary's host dies, its application with it, and another node leads within
seconds, with everything that was acknowledged; the one that died follows when it is back. Where nobody
is eligible nobody is promoted, and all say why.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import count, expect, let_run, rounds, run_scenarios, wait_until  # noqa: E402
from leases import lease_peers  # noqa: E402


def a_host_is_killed(program, chance):
    """Again and again, each time the one that leads."""
    with lease_peers(program) as peers:
        leader, epochs = "a", {1: "a"}
        for _ in range(rounds(2, 20)):
            writer = peers.write_ledger("--rate", "200", only=leader)
            let_run(chance, 0.2, 1.5)
            peers[leader].kill()
            writer.kill()
            heir = peers.wait_for_new_leader(leader)
            epoch = peers[heir].status()["epoch"]
            expect(epoch not in epochs, f"epoch {epoch} was {epochs.get(epoch)}'s already")
            epochs[epoch] = heir
            record = peers.record()
            expect((record["node"], record["epoch"]) == (heir, epoch), f"etcd says {record}")
            peers[leader].start()
            peers.wait_until_settled(heir, 60)
            peers.write_rows(heir, 10)
            peers.wait_until_settled(heir, 60)
            leader = heir
        peers.expect_all_equal(leader)
        peers.expect_one_writable(leader)
        orphans = peers.expect_nothing_lost(leader, orphans_allowed=True)
        count("hosts killed under a lease", len(epochs) - 1)
        count("acknowledged rows that were orphaned", orphans)


def a_restart_within_the_ttl_moves_nobody(program, chance):
    with lease_peers(program, ttl=15) as peers:  # a start takes seconds where others need the processors
        for _ in range(rounds(2, 10)):
            peers["a"].kill()
            peers["a"].start()
            peers["a"].wait_until("it leads on", lambda status: status["state"] == "publishing", 20)
            expect(peers["a"].status()["epoch"] == 1, "its epoch changed")
        peers.write_rows("a", 20)
        peers.expect_all_equal("a")


def nobody_is_eligible(program, chance):
    with lease_peers(program, "--nofailover") as peers:
        peers.write_rows("a", 20)
        peers.wait_until_settled("a")
        peers["a"].kill()
        wait_until("both say why", lambda: all(
            any("nofailover" in warning for warning in (peers[name].status() or {}).get("warnings", []))
            for name in "bc"), 30)
        expect(peers.leader() is None, "somebody leads")
        table = peers["b"].run("cluster").stdout
        expect("nofailover" in table and "free (last: a)" in table, f"cluster says {table}")
        said = peers.refused("b", "promote")
        expect("nofailover" in said, f"promote says {said}")
        peers.promote("b", "--force")
        peers["a"].start()
        peers.expect_all_equal("b")
        peers.expect_nothing_lost("b", orphans_allowed=False)


def paused(program, chance):
    """Nobody takes over; the primary goes on without etcd; it counts again after resume."""
    with lease_peers(program) as peers:
        expect(peers["b"].run("pause").returncode == 0, "pause failed")
        wait_until("the primary has it on record", lambda: (peers.record() or {}).get("paused"), 20)
        for member in peers.etcd.members:
            member.pause()
        deadline = time.monotonic() + peers.ttl + 1
        while time.monotonic() < deadline:
            expect(peers.is_writable("a"), "paused, and it does not write without etcd")
            time.sleep(0.2)
        for member in peers.etcd.members:
            member.resume()
        expect(peers["c"].run("resume").returncode == 0, "resume failed")
        wait_until("the primary has it on record",
                   lambda: (peers.record() or {"paused": True})["paused"] is False, 30)
        expect(peers.leader() == "a", "a does not lead")
        peers["a"].kill()
        heir = peers.wait_for_new_leader("a")
        peers["a"].start()
        peers.expect_all_equal(heir)


def tags_and_positions_decide(program, chance):
    """Of two that have the same, the one of the higher priority leads."""
    with lease_peers(program) as peers:
        peers["c"].stop()
        peers["c"].arguments += ["--priority", "5"]
        peers["c"].start()
        peers.wait_until_settled("a")
        wait_until("its priority is known", lambda: any(
            member["node"] == "c" and member["priority"] == 5 for member in peers.cluster("b")["members"]))

        # One that has just started counts the record's age from when it saw it first.
        def renewals() -> int:
            return (peers.record() or {}).get("renewals", 0)

        before = renewals()
        wait_until("the lease is renewed", lambda: renewals() > before)
        peers["a"].kill()
        expect(peers.wait_for_new_leader("a") == "c", "b leads, and c has the higher priority")


if __name__ == "__main__":
    run_scenarios(a_host_is_killed, a_restart_within_the_ttl_moves_nobody, nobody_is_eligible, paused,
                  tags_and_positions_decide)
