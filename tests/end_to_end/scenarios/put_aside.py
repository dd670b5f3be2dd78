"""A standby's log is put aside (`reinit`) and killed at each step of it, or while somebody reads the log: afterwards all of the
log is where it was or among the orphans, whole, and the node finds its way back.
"""

import pathlib
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import count, expect, rounds, run_scenarios, wait_until  # noqa: E402

STEPS = ("aside_folded", "aside_moved")


def last_seq(log: pathlib.Path) -> int:
    """What a log ends with, by its file alone."""
    expect(not pathlib.Path(f"{log}-wal").exists(), f"{log.name} needs a WAL")
    connection = sqlite3.connect(f"file:{log}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute("SELECT max(last_seq) FROM batch").fetchone()[0]
    finally:
        connection.close()


def put_aside(peers: Peers) -> list[pathlib.Path]:
    return sorted(peers["b"].state_folder.glob("orphans/*.db"))


def ask_to_begin_anew(peers: Peers) -> None:
    answer = peers["b"].run("reinit")
    expect(answer.returncode == 0, f"reinit: {answer.stdout}{answer.stderr}")


def expect_whole(program: str, log: pathlib.Path) -> None:
    checked = subprocess.run([program, "log", str(log), "check"], capture_output=True, text=True, check=False)
    expect(checked.returncode == 0, f"{log.name}: {checked.stdout}{checked.stderr}")


def killed_at_each_step(program, chance):
    with Peers(program, "a", "b") as peers:
        peers.start()
        log = peers["b"].state_folder / "backend.db"
        for step in STEPS * rounds(2, 20):
            peers.write_rows("a", chance.randrange(1, 40))
            peers.wait_until_settled("a")
            seq, before = peers["b"].status()["seq"], put_aside(peers)
            peers["b"].stop()
            peers["b"].launcher = ["env", f"UNDERSTUDY_DIE_AT={step}"]
            peers["b"].start()
            peers.wait_until_settled("a")
            peers["b"].run("reinit")
            wait_until(f"it dies at {step}", lambda: not peers["b"].is_running())
            expect(peers["b"].exit_code == -9, f"it ended with {peers['b'].exit_code}")
            if step == "aside_folded":
                expect(last_seq(log) == seq and put_aside(peers) == before, "the log is not as it was")
                expect_whole(program, log)
            else:
                (kept,) = set(put_aside(peers)) - set(before)
                expect(last_seq(kept) == seq and not log.exists(), f"not all of the log is in {kept.name}")
                expect_whole(program, kept)
            peers["b"].launcher = []
            peers["b"].start()
            peers.write_rows("a", 5)
            peers.expect_all_equal("a")
            count("kill -9 at a step of putting a log aside", 1)


def while_somebody_reads(program, chance):
    """A reader of an earlier state: not all of the WAL can be moved into the file. It is waited for, and told."""
    with Peers(program, "a", "b") as peers:
        peers.start()
        log = peers["b"].state_folder / "backend.db"
        for is_killed in (True, False):
            peers.write_rows("a", 20)
            peers.wait_until_settled("a")
            reader = sqlite3.connect(f"file:{log}?mode=ro", uri=True, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM batch").fetchone()
            peers.write_rows("a", 20)
            peers.wait_until_settled("a")
            seq, told = peers["b"].status()["seq"], peers["b"].log_text().count(" log_in_use:")
            ask_to_begin_anew(peers)
            wait_until("it says that it waits", lambda: peers["b"].log_text().count(" log_in_use:") > told)
            expect(not put_aside(peers) and log.exists(), "it was moved while somebody needs its WAL")
            if is_killed:
                peers["b"].kill()
            reader.close()
            if is_killed:
                peers["b"].start()
                peers.wait_until_settled("a")
                expect(peers["b"].status()["seq"] == seq, "records were lost")
            else:
                wait_until("it is put aside", lambda: len(put_aside(peers)) == 1)
                expect(last_seq(put_aside(peers)[0]) == seq, "not all of the log was kept")
                expect_whole(program, put_aside(peers)[0])
            peers.expect_all_equal("a")
            count("logs put aside beside a reader", 1)


if __name__ == "__main__":
    run_scenarios(killed_at_each_step, while_somebody_reads)
