"""Three nodes in three network namespaces, and the network between them parts: the primary is cut off
from its standbys (silently, in one direction, from one of them only, or with one of them) and a node on
the other side is promoted, while applications write on both sides. Once it heals the old primary is
fenced and keeps what it alone had as orphans; all are equal, exactly one takes writes.
"""

import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import Program, count, expect, run_scenarios, wait_until  # noqa: E402
from namespaces import Networks  # noqa: E402


@contextlib.contextmanager
def parted_peers(program):
    with Networks("a", "b", "c") as networks, Peers(program) as peers:
        for node in peers.nodes:
            node.host, node.launcher = networks.host(node.name), networks.launcher(node.name)
        peers.start("--insecure")
        peers.write_rows("a", 20)
        peers.wait_until_settled("a")
        yield networks, peers


def begin_to_write(peers, name: str) -> tuple[Program, int]:
    writer = peers.write_ledger("--rate", "200", only=name)
    journal = len(peers.journals) - 1
    wait_until(f"{name} takes rows", lambda: len(peers.journal_rows(journal)) > 20)
    return writer, journal


def promote_beyond(peers, name: str) -> tuple[Program, Program]:
    """The primary is cut off. Returns the writers of both sides; both have committed since."""
    old, journal = begin_to_write(peers, "a")
    peers.promote(name, "--force")
    new, _ = begin_to_write(peers, name)
    rows = len(peers.journal_rows(journal))
    wait_until("the application goes on where it was", lambda: len(peers.journal_rows(journal)) > rows)
    return old, new


def heal_and_prove(networks, peers, leader: str, *writers: Program) -> None:
    networks.heal()
    peers["a"].wait_until("it stands down", lambda status: status["role"] == "standby", 60)
    for writer in writers:
        writer.finish()
    peers.expect_all_equal(leader, 90)
    peers.expect_one_writable(leader)
    orphans = peers.expect_nothing_lost(leader, orphans_allowed=True)
    expect(orphans > 0, "rows were acknowledged on both sides, and there are no orphans")
    peers.expect_all_equal(leader)
    count("partitions with a promotion beyond", 1)
    count("acknowledged rows that were orphaned", orphans)


def cut_off_from_both(program, chance):
    with parted_peers(program) as (networks, peers):
        networks.cut("a", "b")
        networks.cut("a", "c")
        writers = promote_beyond(peers, "b")
        peers["c"].wait_until("it follows b", lambda status: status["epoch"] == 2, 60)
        expect(peers["a"].status()["epoch"] == 1, "a knows of what it cannot hear of")
        heal_and_prove(networks, peers, "b", *writers)


def nobody_hears_the_primary(program, chance):
    with parted_peers(program) as (networks, peers):
        networks.cut_one_way("a", "b")
        networks.cut_one_way("a", "c")
        heal_and_prove(networks, peers, "b", *promote_beyond(peers, "b"))


def the_primary_hears_nobody(program, chance):
    with parted_peers(program) as (networks, peers):
        networks.cut_one_way("b", "a")
        networks.cut_one_way("c", "a")
        heal_and_prove(networks, peers, "c", *promote_beyond(peers, "c"))


def minority_is_promoted(program, chance):
    """b stays with the old primary, and has records that c has not: they are orphans of both."""
    with parted_peers(program) as (networks, peers):
        networks.cut("c", "a")
        networks.cut("c", "b")
        writers = promote_beyond(peers, "c")
        peers["b"].wait_until("it follows a", lambda status: status["state"] == "streaming"
                              and status["epoch"] == 1)
        heal_and_prove(networks, peers, "c", *writers)
        for name in "ab":
            expect(list(peers[name].state_folder.glob("orphans/*.db")), f"{name} kept no orphans")


def told_by_a_third(program, chance):
    """Only the link between old and new primary is cut: c tells a of the epoch, and a follows c."""
    with parted_peers(program) as (networks, peers):
        networks.cut("a", "b")
        writer = peers.write_ledger("--rate", "200", only="a")
        peers.promote("b", "--force")
        peers["a"].wait_until("it stands down", lambda status: status["role"] == "standby", 60)
        writer.finish()
        peers.write_rows("b", 20)
        wait_until("only b takes writes", lambda: not peers.is_writable("a"))
        networks.heal()
        peers.expect_all_equal("b", 90)
        peers.expect_one_writable("b")
        peers.expect_nothing_lost("b", orphans_allowed=True)
        count("partitions with a promotion beyond", 1)


if __name__ == "__main__":
    run_scenarios(cut_off_from_both, nobody_hears_the_primary, the_primary_hears_nobody,
                  minority_is_promoted, told_by_a_third)
