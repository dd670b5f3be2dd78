"""The machine of a primary loses power while its application writes with synchronous=NORMAL: the end of
the database is gone, the log still has it. Nothing that the standby has is undone when the node comes
back before the application writes; when the application was faster that is a fork, and told; when the
standby was promoted meanwhile the old primary follows it. All are equal in the end.
"""

import contextlib
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers, tokens_in  # noqa: E402
from filesystems import PowerDisk  # noqa: E402
from harness import (count, expect, freeze, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)

MOST_CUTS = 40  # until enough of them have cost the database something


class CutPeers(Peers):
    """Node a on a disk whose power can be cut, node b elsewhere."""

    def __init__(self, program: str):
        super().__init__(program, "a", "b")
        self.disk = PowerDisk(self["a"].database.parent)

    def __exit__(self, *reason) -> None:
        for process in [*self.programs, *self.nodes]:
            process.kill()
        self.disk.__exit__()
        super().__exit__(*reason)

    def cut_power_under_load(self, chance) -> set[str]:
        """Returns what b has and the database of a has lost. Nothing runs on a's disk afterwards."""
        self.wait_until_settled("a")
        writer = self.write_ledger("--rate", "1000", "--synchronous", "NORMAL", only="a")
        wait_until("rows are written", lambda: len(self.journal_rows(-1)) > 50)
        let_run(chance, 0.1, 0.6)
        freeze(*writer.pids(), self["a"].pid)
        self.disk.cut()
        writer.kill()
        self["a"].kill()
        self.disk.power_up()
        sent = self["b"].wait_until("it has applied what it has", lambda status:
                                    status["applied_seq"] == status["durable_seq"])["applied_seq"]
        expect(sent > 0, "b has nothing")
        count("power cuts of a primary", 1)
        return tokens_in(self["b"].database) - self.tokens_on_the_disk()

    def wal_salts(self) -> bytes:
        """They name a generation of the WAL."""
        return pathlib.Path(f"{self.database}-wal").read_bytes()[16:24]

    def tokens_on_the_disk(self) -> set[str]:
        """Read in a copy: who opens and closes the database itself would tidy its WAL away."""
        copy = self.folder / "copy"
        copy.mkdir(exist_ok=True)
        for suffix in ("", "-wal"):
            source = pathlib.Path(f"{self.database}{suffix}")
            if source.exists():
                shutil.copyfile(source, copy / f"app.db{suffix}")
        found = tokens_in(copy / "app.db")
        shutil.rmtree(copy)
        return found


@contextlib.contextmanager
def cut_peers(program):
    with CutPeers(program) as peers:
        yield peers.start()


def cuts_with_loss(peers, chance, wanted):
    """Yields (what b has, what a lost) after each cut, until `wanted` of them cost something."""
    costly = 0
    for _ in range(MOST_CUTS):
        if costly == wanted:
            return
        lost = peers.cut_power_under_load(chance)
        costly += 1 if lost else 0
        count("power cuts that cost the database something", 1 if lost else 0)
        yield tokens_in(peers["b"].database), lost
    expect(costly == wanted, f"{MOST_CUTS} power cuts, and only {costly} cost something")


def comes_back_before_the_application(program, chance):
    with cut_peers(program) as peers:
        for had, lost in cuts_with_loss(peers, chance, rounds(3, 40)):
            told = peers["a"].log_text().count("tail_restored")
            peers["a"].start()
            peers["a"].wait_for_state("publishing")
            gone = had - tokens_in(peers["a"].database)
            expect(not gone, f"{len(gone)} transactions that the standby has are undone; "
                             f"the power cut took {len(lost)}")
            expect(peers["a"].log_text().count("tail_restored") == told + bool(lost),
                   f"{len(lost)} lost, and the log does not tell of the restoring as it should")
            peers.expect_all_equal("a")
            expect(had <= tokens_in(peers["b"].database), "undone on the standby")
        expect("tail_lost_fork" not in peers["a"].log_text(), "a fork is told of, and there was none")


def application_is_faster(program, chance):
    """The lost transactions are undone on the standby as well. It is told, unless SQLite began another
    WAL (when not one frame of the first one was on the disk): that looks like a gap in the watch."""
    with cut_peers(program) as peers:
        for number, (_, lost) in enumerate(cuts_with_loss(peers, chance, rounds(3, 40))):
            told = peers["a"].log_text().count("tail_lost_fork")
            salts = peers.wal_salts()
            writer = peers.write_ledger("--rate", "500", "--synchronous", "NORMAL", only="a")
            more = (0, 400)[number % 2]  # fewer frames than were lost, or more
            wait_until("the application writes", lambda: len(peers.journal_rows(-1)) > more)
            can_be_told = bool(lost) and peers.wal_salts() == salts
            peers["a"].start()
            peers["a"].wait_for_state("publishing")
            writer.finish()
            peers.expect_all_equal("a")
            expect(peers["a"].log_text().count("tail_lost_fork") == told + can_be_told,
                   f"{len(lost)} transactions lost, the application was faster, and nobody tells")
            count("forks by a power cut told of", int(can_be_told))
            kept = tokens_in(peers["a"].database)
            after = {row.token for row in peers.journal_rows(-1)}
            expect(after <= kept, "what the application wrote after the cut is lost")
            expect(not lost & kept, "what was lost is back, and nobody restored it")


def standby_is_promoted(program, chance):
    """What only a's log has are orphans there; the application goes on at b, then moves back."""
    with cut_peers(program) as peers:
        for had, lost in cuts_with_loss(peers, chance, rounds(3, 30)):
            peers.promote("b", "--force")
            writer = peers.write_ledger("--rate", "500", only="b")
            wait_until("b takes rows", lambda: len(peers.journal_rows(-1)) > 30)
            peers["a"].start()
            writer.finish()
            peers.expect_all_equal("b")
            expect(had <= tokens_in(peers["a"].database), "what the standby had is undone")
            expect(not peers.is_writable("a"), "the old primary takes writes")
            peers.switch_over("a")
            peers.expect_all_equal("a")
            expect(had <= tokens_in(peers["a"].database), "the switchover undid something")
            count("promotions", 1)


if __name__ == "__main__":
    run_scenarios(comes_back_before_the_application, application_is_faster, standby_is_promoted)
