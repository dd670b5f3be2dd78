"""The primary's process is stopped (SIGSTOP) while its application goes on, a standby is promoted, and the
old primary goes on (SIGCONT): it learns of the higher epoch, fences the application, keeps what it alone
has as orphans, and follows.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import count, expect, freeze, run_scenarios, wait_until  # noqa: E402


def stopped_primary_comes_back(program, chance):
    with Peers(program).start() as peers:
        writer = peers.write_ledger("--rate", "300", only="a")
        wait_until("rows are written", lambda: len(peers.acknowledged()) > 50)
        freeze(peers["a"].pid)
        rows = len(peers.acknowledged())
        wait_until("the application goes on", lambda: len(peers.acknowledged()) > rows + 50)
        peers.promote("b", "--force")
        other = peers.write_ledger("--rate", "300", only="b")
        rows = len(peers.journal_rows(-1))
        wait_until("both databases are written to", lambda: len(peers.journal_rows(-1)) > 50)
        peers["a"].resume()
        peers["a"].wait_until("it follows", lambda status: status["role"] == "standby"
                              and status["state"] == "streaming" and status["epoch"] == 2)
        expect("superseded" in peers["a"].log_text(), "it does not say that it was superseded")
        expect(not peers.is_writable("a"), "the old primary takes writes")
        writer.finish()
        other.finish()
        peers.expect_all_equal("b")
        orphans = peers.expect_nothing_lost("b", orphans_allowed=True)
        expect(orphans > 50, f"{orphans} orphans")
        listed = json.loads(peers["a"].run("orphans", "list", "--json").stdout)
        expect(sum(each["records"] for each in listed) >= 1, f"orphans: {listed}")
        count("acknowledged rows that were orphaned", orphans)
        count("SIGSTOP", 1)


if __name__ == "__main__":
    run_scenarios(stopped_primary_comes_back)
