"""Hooks: what they are told, that --before-promote can forbid a promotion, that none can hold it up for ever.
The operator's fence outlives a restart. The history tells who led since when, and why.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import count, expect, run_scenarios, wait_until  # noqa: E402

TELL = ('echo "$UNDERSTUDY_NODE $UNDERSTUDY_ROLE $UNDERSTUDY_EPOCH $(basename "$UNDERSTUDY_DATABASE")" '
        '>> "$(dirname "$UNDERSTUDY_DATABASE")/%s"')


def told(peers, name, hook):
    path = peers[name].database.parent / hook
    return path.read_text().splitlines() if path.exists() else []


def what_hooks_are_told(program, chance):
    with Peers(program, "a", "b").start("--on-promote", TELL % "promoted",
                                        "--on-demote", TELL % "demoted",
                                        "--before-promote", TELL % "asked") as peers:
        peers.switch_over("b")
        wait_until("both hooks ran", lambda: told(peers, "b", "promoted") and told(peers, "a", "demoted"))
        expect(told(peers, "b", "asked") == ["b standby 2 app.db"], f"{told(peers, 'b', 'asked')}")
        expect(told(peers, "b", "promoted") == ["b primary 2 app.db"], f"{told(peers, 'b', 'promoted')}")
        demoted = told(peers, "a", "demoted")
        expect(len(demoted) == 1 and demoted[0].startswith("a standby"), f"{demoted}")
        peers.expect_all_equal("b")
        count("hooks", 3)


def veto_and_time_limit(program, chance):
    with Peers(program, "a", "b").start("--before-promote", "test ! -e $UNDERSTUDY_DATABASE-veto",
                                        "--on-promote", "sleep 60", "--hook-timeout", "1s") as peers:
        veto = pathlib.Path(f"{peers['b'].database}-veto")
        veto.touch()
        peers["a"].kill()
        text = peers.refused("b", "promote", "--force")
        expect("--before-promote failed" in text and "nothing was changed" in text, text)
        expect(peers["b"].status()["role"] == "standby" and not peers.is_writable("b"), "b leads")
        veto.unlink()
        expect(peers.promote("b", "--force") < 10, "a hook held the promotion up")
        wait_until("the hook is killed", lambda: "hook_failed" in peers["b"].log_text(), 20)
        expect(peers.is_writable("b"), "b takes no writes")
        count("hooks", 3)


def fence_outlives_a_restart(program, chance):
    with Peers(program, "a", "b").start() as peers:
        expect("standby" in peers.refused("b", "fence"), "a standby was fenced")
        expect(peers["a"].run("fence").returncode == 0, "fence failed")
        expect(not peers.is_writable("a"), "the fenced primary takes writes")
        for restart in (peers["a"].kill, peers["a"].stop):
            restart()
            peers["a"].start()
            peers["a"].wait_for_state("publishing")
            expect(not peers.is_writable("a"), "a restart lifted the fence")
            warnings = peers["a"].status().get("warnings", [])
            expect(any("fenced" in warning for warning in warnings), f"warnings: {warnings}")
        expect(peers["a"].run("unfence").returncode == 0, "unfence failed")
        expect(peers.is_writable("a"), "unfenced, it takes no writes")
        peers.expect_all_equal("a")


def history_tells_all(program, chance):
    with Peers(program, "a", "b").start() as peers:
        expect(peers.is_writable("a"), "a takes no writes")
        peers.wait_until_settled("a")
        peers.switch_over("b")
        peers.expect_all_equal("b")
        for node in peers.nodes:
            epochs = json.loads(node.run("history", "--json").stdout)
            expect([(each["epoch"], each["node"]) for each in epochs] == [(1, "a"), (2, "b")], f"{epochs}")
            expect("switchover" in epochs[1]["reason"] and epochs[1]["first_seq"] >= 2, f"{epochs[1]}")
            table = node.run("history").stdout.splitlines()
            expect(len(table) == 3 and "EPOCH" in table[0], f"{table}")


if __name__ == "__main__":
    run_scenarios(what_hooks_are_told, veto_and_time_limit, fence_outlives_a_restart, history_tells_all)
