"""Commits that wait for a standby, in programs that are not ours: Python's sqlite3 and the sqlite3
program, with understudy_commit loaded. COMMIT returns when the standby has it on its disk, says so
when it has not, and never hangs, whoever is stopped, killed or restarted meanwhile.
"""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from application import Application, CannotLoad  # noqa: E402
from harness import (Cluster, Skipped, count, expect, kill_and_start,  # noqa: E402
                     run_scenarios, wait_until)

INSERT = "INSERT INTO t(body) VALUES('once upon a time')"
UNREPLICATED = 28 | 0x75 << 8  # extended code of SQLITE_WARNING
QUICK_SECONDS = 1.0  # far more than a commit takes, far less than a timeout


class System(Cluster):
    """A publisher with --sync 1, one standby, and applications that wait."""

    def __init__(self, program: str, *options: str, standby: bool = True):
        super().__init__(program)
        self.extension = pathlib.Path(program).resolve().parent / "understudy_commit.so"
        self.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)")
        self.publisher = self.publish("--sync", "1", *options)
        self.publisher.wait_for_state("publishing")
        if standby:
            self.standby = self.subscribe("standby", self.publisher)
            self.standby.wait_for_state("streaming")

    def application(self, database: pathlib.Path | None = None) -> Application:
        try:
            application = Application(database or self.database, self.extension)
        except CannotLoad as why:
            raise Skipped(str(why)) from None
        self.programs.append(application)
        expect(application.load_error is None, f"loading failed: {application.load_error}")
        return application


def replication(application: Application) -> dict:
    return json.loads(application.value("SELECT understudy_replication()"))


def ask_in_vain(application: Application, at_least: float, at_most: float, **options) -> None:
    """A COMMIT that must answer that no standby has it."""
    outcome = application.ask(INSERT, **options)
    expect(outcome["error"] and outcome["code"] in (None, UNREPLICATED), f"no such error: {outcome}")
    expect(at_least <= outcome["seconds"] <= at_most, f"took {outcome['seconds']:.2f} s")
    said = replication(application)["last_error"]
    expect("IS COMMITTED HERE" in said, f"no such text: {said}")


def expect_quick(outcome: dict) -> None:
    expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")
    expect(outcome["seconds"] < QUICK_SECONDS, f"COMMIT took {outcome['seconds']:.2f} s")


def standby_has_what_commit_returned_for(program, chance):
    with System(program) as system:
        application = system.application()
        for number in range(1, 21):
            expect_quick(application.ask(INSERT))
            seq = int(application.value("SELECT understudy_position()").split("/")[1])
            expect(seq >= number, f"position {seq} after {number} commits")
            durable = system.standby.status()["durable_seq"]
            expect(durable >= seq, f"COMMIT {seq} returned, but the standby has only {durable}")
        count("commits that waited", 20)


def nothing_acknowledged_is_lost(program, chance):
    """Both die at once; the standby alone must have everything that returned."""
    with System(program) as system:
        application = system.application()
        application.begin(INSERT, times=100_000)
        wait_until("some are written",
                   lambda: int(system.execute("SELECT count(*) FROM t")) > chance.randint(20, 200))
        system.standby.kill()  # from here on nothing is acknowledged
        system.publisher.kill()
        application.kill()
        alone = system.execute("SELECT count(*) FROM t")
        system.standby.start()
        # One commit may have been under way when its standby died: committed, not acknowledged.
        wait_until("the standby shows all that was acknowledged", lambda: int(system.execute(
            "SELECT count(*) FROM t", system.standby.database)) >= int(alone) - 1)


def stopped_standby_with_wait(program, chance):
    with System(program, "--sync-timeout", "1s") as system:
        application = system.application()
        expect_quick(application.ask(INSERT))
        system.standby.pause()
        ask_in_vain(application, 0.9, 4)
        expect(application.value("SELECT count(*) FROM t") == 2, "the transaction is not here")
        state = replication(application)
        expect(state["unreplicated_commits"] == 1 and state["last_commit"] == "durable", f"{state}")
        expect(application.value("SELECT understudy_wait(100)") == 0, "it cannot be there")
        wait_until("status warns", lambda: "commits wait" in str(
            system.publisher.status()["warnings"]))
        system.standby.resume()
        expect(application.value("SELECT understudy_wait(10000)") == 1, "not replicated after all")
        expect_quick(application.ask(INSERT))
        wait_until("status is quiet", lambda: not system.publisher.status()["warnings"])


def lost_standby_with_degrade(program, chance):
    with System(program, "--sync-timeout", "1s", "--when-unreplicated", "degrade") as system:
        application = system.application()
        expect_quick(application.ask(INSERT))
        system.standby.kill()
        outcome = application.ask(INSERT)
        expect(outcome["error"] is None and outcome["seconds"] < 4, f"not degraded: {outcome}")
        wait_until("degraded", lambda: replication(application)["degraded"])
        expect_quick(application.ask(INSERT, times=100))
        expect("DEGRADED" in str(system.publisher.status()["warnings"]), "status does not say so")
        system.standby.start()
        wait_until("restored", lambda: not replication(application)["degraded"], 20)
        expect_quick(application.ask(INSERT))
        expect(replication(application)["last_commit"] == "replicated", "COMMIT did not wait")
        log = system.publisher.log_text()
        expect(log.count("sync_degraded") == 1 and log.count("sync_restored") == 1,
               "the log does not say once that it began and ended")


def killed_publisher(program, chance):
    with System(program, "--sync-timeout", "1s") as system:
        application = system.application()
        expect_quick(application.ask(INSERT))
        system.publisher.kill()
        ask_in_vain(application, 0.9, 4)
        application.begin(INSERT)  # waits while the publisher comes back
        system.publisher.start()
        application.answer()
        expect(application.value("SELECT understudy_wait(20000)") == 1, "not replicated after all")
        expect_quick(application.ask(INSERT))
        count("publisher killed", 1)


def wal_is_reset_meanwhile(program, chance):
    """By TRUNCATE checkpoints of another program and by our own automatic ones."""
    with System(program) as system:
        application = system.application()
        application.value("SELECT understudy_sync(0)")
        for _ in range(10):
            expect_quick(application.ask(INSERT, times=5))
            system.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            expect(application.value("SELECT understudy_wait(10000)") == 1, "lost its place")
        application.value("SELECT understudy_sync(1)")
        application.begin(INSERT, times=500)
        for _ in range(20):
            system.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        outcome = application.answer()
        expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")


def automatic_checkpoints_go_on(program, chance):
    with System(program, "--wal-window", "100") as system:
        application = system.application()
        application.ask("PRAGMA wal_autocheckpoint=100")  # takes the hook away
        expect(replication(application)["commits_wait"], "the hook is not back")
        for _ in range(40):
            outcome = application.ask(INSERT, times=50)
            expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")
        size = os.path.getsize(f"{system.database}-wal")
        expect(size < 1500 * 4120, f"the WAL grew to {size} bytes: nobody checkpoints")


def several_writers(program, chance):
    with System(program) as system:
        applications = [system.application() for _ in range(4)]
        for application in applications:
            application.begin(INSERT, times=50)
        for application in applications:
            outcome = application.answer()
            expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")
            expect(replication(application)["last_commit"] == "replicated", "it did not wait")


def reads_its_writes_on_the_standby(program, chance):
    with System(program) as system:
        writer, reader = system.application(), system.application(system.standby.database)
        writer.value("SELECT understudy_sync(0)")
        for number in range(1, 51):
            writer.ask(INSERT)
            position = writer.value("SELECT understudy_position()")
            expect(reader.value(f"SELECT understudy_wait(10000, '{position}')") == 1, "never came")
            seen = reader.value("SELECT count(*) FROM t")
            expect(seen >= number, f"{position} is there, but only {seen} rows of {number}")
        epoch, seq, total = reader.value("SELECT understudy_position()").split("/")
        ahead = f"{epoch}/{int(seq) + 1}/{total}"
        expect(reader.value(f"SELECT understudy_wait(200, '{ahead}')") == 0, "saw the future")


def interrupt_ends_the_wait(program, chance):
    with System(program, "--sync-timeout", "60s") as system:
        application = system.application()
        system.standby.pause()
        ask_in_vain(application, 0.4, 5, interrupt_after=0.5)
        system.standby.resume()
        expect(application.value("SELECT understudy_wait(10000)") == 1, "not replicated after all")


def sqlite3_program(program, chance):
    with System(program, "--sync-timeout", "1s") as system:
        def run(database, *lines):
            return subprocess.run(["sqlite3", str(database)], input="\n".join(lines), text=True,
                                  capture_output=True, timeout=60)
        load = f".load {system.extension.with_suffix('')} sqlite3_understudycommit_init"
        done = run(system.database, load, INSERT + ";", "SELECT understudy_replication();")
        expect(done.returncode == 0 and '"last_commit":"replicated"' in done.stdout, f"{done}")
        system.standby.pause()
        done = run(system.database, load, INSERT + ";", "SELECT 'rows', count(*) FROM t;",
                   "SELECT understudy_replication();")
        expect("rows|2" in done.stdout and "IS COMMITTED HERE" in done.stdout, f"{done}")
        done = run(system.folder / "other.db", load)
        expect("no node has run for this database" in done.stderr, f"{done}")
        done = run(":memory:", load, "CREATE TABLE t(a); INSERT INTO t VALUES(1);",
                   "SELECT count(*) FROM t;")
        expect(done.returncode == 0 and done.stdout == "1\n", f"{done}")


def restarts_under_load(program, chance):
    with System(program) as system:
        applications = [system.application() for _ in range(2)]
        for node in (system.publisher, system.standby, system.publisher):
            for application in applications:
                application.begin(INSERT, times=chance.randint(100, 400))
            kill_and_start(node)
            for application in applications:
                outcome = application.answer()
                expect(outcome["error"] is None, f"COMMIT failed: {outcome['error']}")
                expect(replication(application)["last_commit"] == "replicated", "it did not wait")
        wait_until("equal", lambda: system.execute("SELECT count(*) FROM t") == system.execute(
            "SELECT count(*) FROM t", system.standby.database))


if __name__ == "__main__":
    run_scenarios(standby_has_what_commit_returned_for, nothing_acknowledged_is_lost,
                  stopped_standby_with_wait, lost_standby_with_degrade, killed_publisher,
                  wal_is_reset_meanwhile, automatic_checkpoints_go_on, several_writers,
                  reads_its_writes_on_the_standby, interrupt_ends_the_wait, sqlite3_program,
                  restarts_under_load)
