"""Two standbys are promoted to the same epoch, each while the other is stopped: an operator's mistake. It is
told in log and status wherever the two meet, neither side takes the other's records, and promoting one of
them with --force ends it.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import count, expect, run_scenarios, wait_until  # noqa: E402


def write_rows(peers, name, rows):
    writer = peers.write_ledger("--rate", "500", only=name)
    wait_until(f"{name} takes rows", lambda: len(peers.journal_rows(-1)) > rows)
    writer.finish()


def fork(peers):
    """a is gone for good; b and c lead epoch 2."""
    write_rows(peers, "a", 20)
    peers.wait_until_settled("a")
    peers["a"].kill()
    peers["c"].kill()
    peers.promote("b", "--force")
    write_rows(peers, "b", 20)
    peers["b"].kill()
    peers["c"].start()
    peers["c"].wait_for_state("connecting")
    peers.promote("c", "--force")
    write_rows(peers, "c", 20)
    peers["b"].start()
    peers["b"].wait_for_state("publishing")


def warned(node, word):
    return any(word in warning for warning in (node.status() or {}).get("warnings", []))


def two_promotions_of_one_epoch(program, chance):
    with Peers(program).start() as peers:
        fork(peers)
        for name in "bc":
            wait_until(f"{name} tells of the fork", lambda: warned(peers[name], "promote --force"), 20,
                       peers[name])
            expect("forked" in peers[name].log_text(), f"the log of {name} does not tell of the fork")
        write_rows(peers, "b", 10)
        write_rows(peers, "c", 10)
        epochs = [peers[name].status()["epoch"] for name in "bc"]
        expect(epochs == [2, 2], f"epochs {epochs}")
        peers["a"].start()
        peers["a"].wait_until("it is a standby", lambda status: status["role"] == "standby")
        text = peers.refused("b", "promote")
        expect("another one" in text and "--force" in text, f"promote without --force: {text}")
        peers.promote("b", "--force")
        peers.expect_all_equal("b")
        orphans = peers.expect_nothing_lost("b", orphans_allowed=True)
        expect(orphans >= 20, f"{orphans} orphans")
        expect(not peers.is_writable("c"), "c takes writes")
        wait_until("nobody warns any more", lambda: not any(warned(node, "promote --force")
                                                            for node in peers.nodes), 20)
        count("forks ended", 1)


if __name__ == "__main__":
    run_scenarios(two_promotions_of_one_epoch)
