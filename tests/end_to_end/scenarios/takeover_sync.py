"""Commits that wait, and the loss of a primary's machine with its disk: kill -9 of node and application
at a random instant, database and state deleted, the standby that has most is promoted. No row whose
COMMIT had returned is gone. And what a forced promotion left behind is never called replicated.
"""

import contextlib
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from application import Application, CannotLoad, find_python  # noqa: E402
from cluster import Peers, tokens_in  # noqa: E402
from harness import (Skipped, count, expect, let_run, rounds, run_scenarios,  # noqa: E402
                     wait_until)


class SyncPeers(Peers):
    """Nodes whose applications wait for the others."""

    def __init__(self, program: str, *names: str):
        try:
            self.python = find_python()
        except CannotLoad as why:
            raise Skipped(str(why)) from None
        super().__init__(program, *names)
        self.extension = pathlib.Path(program).resolve().parent / "understudy_commit.so"

    def write_and_wait(self, name: str, *options: str):
        return self.write_ledger("--extension", str(self.extension), *options, only=name,
                                 python=self.python)

    def application(self, name: str) -> Application:
        application = Application(self[name].database, self.extension)
        self.programs.append(application)
        expect(application.load_error is None, f"loading failed: {application.load_error}")
        return application

    def lose_machine(self, name: str, *writers) -> None:
        """With its disk."""
        for process in (self[name], *writers):
            process.kill()
        for path in self[name].database.parent.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        count("machines lost with their disks", 1)

    def durable(self, name: str) -> int:
        return (self[name].status() or {}).get("durable_seq") or 0

    def expect_acknowledged_in(self, name: str) -> None:
        gone = {row.token for row in self.acknowledged()} - tokens_in(self[name].database)
        expect(not gone, f"{len(gone)} of {len(self.acknowledged())} acknowledged rows are not on {name}, "
                         f"such as {sorted(gone)[:3]}")


@contextlib.contextmanager
def sync_peers(program, names, *options):
    with SyncPeers(program, *names) as peers:
        yield peers.start("--sync-timeout", "60s", *options)


def lose_and_promote(peers, chance, leader: str, pick) -> str:
    """One round; `pick` says who is promoted. Returns the new leader."""
    writer = peers.write_and_wait(leader)
    journal = len(peers.journals) - 1
    wait_until("commits return", lambda: len(peers.journal_rows(journal)) > 5)
    let_run(chance, 0.0, 0.3)
    peers.lose_machine(leader, writer)
    heir = pick([node.name for node in peers.nodes if node.name != leader])
    peers.promote(heir, "--force")
    peers.expect_acknowledged_in(heir)
    peers[leader].start()  # with the command it had, and nothing on its disk
    peers.wait_until_settled(heir)
    return heir


def rounds_of_loss(program, chance, names, times, pick_by, *options):
    with sync_peers(program, names, *options) as peers:
        leader = "a"
        for _ in range(times):
            leader = lose_and_promote(peers, chance, leader, lambda others: pick_by(peers, others))
        peers.expect_all_equal(leader)
        peers.expect_acknowledged_in(leader)
        count("acknowledged rows over lost machines", len(peers.acknowledged()))


def who_has_most(peers, others):
    return max(others, key=peers.durable)


def one_standby(program, chance):
    rounds_of_loss(program, chance, "ab", rounds(12, 100), who_has_most, "--sync", "1",
                   "--sync-level", "durable")


def one_of_two_standbys(program, chance):
    rounds_of_loss(program, chance, "abc", rounds(5, 50), who_has_most, "--sync", "1",
                   "--sync-level", "durable")


def both_standbys(program, chance):
    """Whichever is promoted has it all."""
    rounds_of_loss(program, chance, "abc", rounds(5, 50), lambda peers, others: chance.choice(others),
                   "--sync", "2", "--sync-level", "durable")


def level_applied(program, chance):
    with sync_peers(program, "ab", "--sync", "1", "--sync-level", "applied") as peers:
        application = peers.application("a")
        for number in range(100):
            outcome = application.ask(f"INSERT INTO ledger VALUES ('applied-{number}')")
            expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")
            if number % 10 == 0:
                expect(f"applied-{number}" in tokens_in(peers["b"].database),
                       f"row {number}: COMMIT has returned, and the standby does not show it")
        application.kill()
        leader = "a"
        for _ in range(rounds(3, 30)):
            leader = lose_and_promote(peers, chance, leader, lambda others: others[0])


def the_one_behind_refuses(program, chance):
    """It names the one that has more, and nothing acknowledged is lost by following its advice."""
    with sync_peers(program, "abc", "--sync", "1", "--sync-level", "durable") as peers:
        behind, ahead = chance.sample(["b", "c"], 2)
        peers[behind].kill()
        writer = peers.write_and_wait("a")
        wait_until("commits return", lambda: len(peers.journal_rows(-1)) > 50)
        peers[ahead].kill()  # from here on nothing is acknowledged, and who is behind cannot catch up
        peers.lose_machine("a", writer)
        peers[ahead].start()
        peers[behind].start()
        peers[behind].wait_until("it answers", lambda status: status["durable_seq"] is not None)
        had = peers.durable(behind)
        answer = peers[behind].run("promote")
        if answer.returncode != 0:
            said = answer.stdout + answer.stderr
            expect(f"{ahead} has more" in said or "does not answer, and may have more" in said,
                   f"promoting who is behind: {said}")
            count("promotions of who is behind refused", 1)
            peers.promote(ahead, "--force")
            leader = ahead
        else:  # it has caught up, from the one ahead
            print(f"{behind} was at {had}, and caught up", flush=True)
            leader = behind
        peers.expect_acknowledged_in(leader)
        peers["a"].start()
        peers.expect_all_equal(leader)


def the_silent_one_may_have_more(program, chance):
    """Without the primary and the one that is ahead: who has nothing says so, and is not promoted."""
    with sync_peers(program, "abc", "--sync", "1", "--sync-level", "durable") as peers:
        behind, ahead = chance.sample(["b", "c"], 2)
        peers[behind].kill()
        writer = peers.write_and_wait("a")
        wait_until("commits return", lambda: len(peers.journal_rows(-1)) > 50)
        peers[ahead].kill()
        peers.lose_machine("a", writer)
        peers[behind].start()
        peers[behind].wait_until("it answers", lambda status: status["durable_seq"] is not None)
        said = peers.refused(behind, "promote")
        expect("does not answer, and may have more" in said, f"promoting who is alone: {said}")
        peers["a"].start()  # of its old name, and with nothing on its disk
        peers["a"].wait_until("it answers", lambda status: status["state"] != "starting")
        said = peers.refused(behind, "promote")
        count("promotions refused for a silent peer", 2)
        peers[ahead].start()
        peers[ahead].wait_until("it answers", lambda status: status["durable_seq"] is not None)
        peers.promote(ahead, "--force")
        peers.expect_acknowledged_in(ahead)
        peers.expect_all_equal(ahead)


def orphans_are_not_replicated(program, chance):
    """A transaction that a forced promotion left behind, asked about by the connection that made it."""
    for how in ("kill", "pause"):
        with sync_peers(program, "ab", "--sync", "1", "--sync-level", "durable") as peers:
            application = peers.application("a")
            expect(application.ask("INSERT INTO ledger VALUES ('shared')")["error"] is None, "no commit")
            application.value("SELECT understudy_sync(0)")
            peers["b"].kill()
            application.ask("INSERT INTO ledger VALUES ('orphan')")

            def replicated(wait_ms: int = 200) -> bool:
                outcome = application.ask(f"SELECT understudy_wait({wait_ms})")
                return outcome["error"] is None and outcome["rows"][0][0] == 1

            expect(not replicated(), "replicated, and the only standby was stopped")
            getattr(peers["a"], how)()
            peers["b"].start()
            peers["b"].wait_until("it has lost a", lambda status: status["state"] == "connecting")
            peers.promote("b", "--force")
            peers.write_rows("b", 30)
            expect(not replicated(), "replicated, and the other one leads without it")
            peers["a"].start() if how == "kill" else peers["a"].resume()
            peers.expect_all_equal("b")
            expect("orphan" not in tokens_in(peers["b"].database), "the row is no orphan: nothing tried")
            expect(not replicated(), "a standby calls an orphan replicated")
            peers.switch_over("a")
            peers.write_rows("a", 30)
            peers.expect_all_equal("a")
            expect(not replicated(1000), "leading again, it calls an orphan replicated")
            application.value("SELECT understudy_sync(1)")
            expect(application.ask("INSERT INTO ledger VALUES ('after')")["error"] is None, "no commit")
            expect(replicated(), "what came after is not replicated")
            count("orphans asked about", 1)


if __name__ == "__main__":
    run_scenarios(one_standby, one_of_two_standbys, both_standbys, level_applied,
                  the_one_behind_refuses, the_silent_one_may_have_more, orphans_are_not_replicated)
