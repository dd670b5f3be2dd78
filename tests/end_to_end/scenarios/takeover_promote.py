"""The primary is lost under load and a standby promoted: refused first, while the primary answers or
transactions would be lost; then the other standby follows by itself and the application writes there.
The old primary returns with the options it had, as a standby, and keeps what it alone had as orphans.
"""

import json
import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers, tokens_in  # noqa: E402
from harness import (count, expect, equality, let_run, run_scenarios,  # noqa: E402
                     wait_until)


def refuse_while_the_primary_answers(peers):
    before = peers["b"].status()
    for options in ((), ("--dry-run",)):
        text = peers.refused("b", "promote", *options)
        expect("still answers" in text and "switchover" in text, f"promote {options}: {text}")
    expect("primary already" in peers.refused("a", "promote"), "a primary was promoted")
    after = peers["b"].status()
    expect((after["role"], after["epoch"]) == (before["role"], before["epoch"]),
           f"a refused promotion changed {before} to {after}")


def write(peers, kind, name, rows):
    """So many rows in the database of `name`, where whoever publishes it may be dead."""
    connection = sqlite3.connect(peers[name].database, isolation_level=None, timeout=5)
    for number in range(rows):
        connection.execute("INSERT INTO ledger VALUES (?)", (f"{kind}-{number}",))
    connection.close()


def expect_orphans(peers, name, tokens):
    """The rows `tokens` are listed, shown and exported."""
    node = peers[name]
    listed = json.loads(node.run("orphans", "list", "--json").stdout)
    expect(len(listed) == 1, f"orphans of {name}: {listed}")
    one = listed[0]
    expect(one["node"] == name and one["records"] >= 1 and not one["problem"], f"{one}")
    shown = node.run("orphans", "show", one["name"])
    expect(shown.returncode == 0 and len(shown.stdout.splitlines()) == one["records"] + 1,
           f"orphans show: {shown.stdout}{shown.stderr}")
    target = peers.folder / "exported.db"
    exported = node.run("orphans", "export", one["name"], "--output", str(target))
    expect(exported.returncode == 0, f"orphans export: {exported.stdout}{exported.stderr}")
    records = equality.run_sqlite(target, "SELECT count(*) FROM record")
    expect(int(records) == one["records"], f"{records} records exported of {one['records']}")
    contents = bytes.fromhex("".join(equality.run_sqlite(
        target, "SELECT hex(content) FROM page").split()))
    for token in tokens:
        expect(token.encode() in contents, f"row {token} is not exported")
    count("transactions kept as orphans", one["records"])


def killed_under_load(program, chance):
    with Peers(program).start() as peers:
        writer = peers.write_ledger("--rate", "800")
        wait_until("rows are written", lambda: len(peers.acknowledged()) > 200)
        refuse_while_the_primary_answers(peers)
        let_run(chance, 0.0, 0.5)
        peers["a"].kill()
        let_run(chance, 0.1, 0.3)  # the application still writes there: orphans
        writer.finish()
        best = max("bc", key=lambda name: peers[name].status()["seq"])
        peers.promote(best, "--force")
        other = "c" if best == "b" else "b"
        peers[other].wait_until(f"streams of {best}", lambda status: status["epoch"] == 2
                                and status["state"] == "streaming")
        write(peers, "after", best, 1)
        peers["a"].start()
        peers.expect_all_equal(best)
        count("acknowledged rows that were orphaned", peers.expect_nothing_lost(best, orphans_allowed=True))
        count("promotions", 1)


def transactions_that_nobody_else_has(program, chance):
    """Some in the log of the old primary, some written while its publisher was dead already."""
    rows = 5
    with Peers(program).start() as peers:
        write(peers, "shared", "a", rows)
        peers.wait_until_settled("a")
        for name in "bc":
            peers[name].kill()
        write(peers, "logged", "a", rows)
        wait_until("they are in a's log", lambda: peers["a"].status()["seq"] >= 2 * rows)
        peers["a"].kill()
        write(peers, "unseen", "a", rows)
        for name in "bc":
            peers[name].start()
            peers[name].wait_for_state("connecting")
        dry = peers["b"].run("promote", "--dry-run")
        expect(dry.returncode == 0 and "would lead" in dry.stdout, f"{dry.stdout}{dry.stderr}")
        expect(peers["b"].status()["role"] == "standby", "a dry run changed the role")
        peers.promote("b")
        expect(all(token.startswith("shared") for token in tokens_in(peers["b"].database)),
               "b has rows that it was never sent")
        writer = peers.write_ledger("--rate", "300", only="b")
        wait_until("rows are written to b", lambda: len(peers.acknowledged()) > 50)
        peers["a"].start()
        peers["a"].wait_until("a follows", lambda status: status["role"] == "standby"
                              and status["state"] == "streaming")
        writer.finish()
        peers.expect_all_equal("b")
        peers.expect_nothing_lost("b", orphans_allowed=False)
        expect_orphans(peers, "a", [f"{kind}-{number}" for kind in ("logged", "unseen")
                                    for number in range(rows)])
        count("promotions", 1)


if __name__ == "__main__":
    run_scenarios(killed_under_load, transactions_that_nobody_else_has)
