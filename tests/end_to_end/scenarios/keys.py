"""Clusters with keys: takeovers, a key that is changed, one that is withdrawn and given back, a bad list,
and a crowd of hostile clients that gets nothing and harms nobody.
"""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from harness import Node, count, expect, run_scenarios, wait_until  # noqa: E402
from keyring import Keyring, with_keys  # noqa: E402


def start(peers: Peers) -> Keyring:
    ring = with_keys(peers)
    peers.start(own=lambda node: ring.options(node.name))
    return ring


def follower(peers: Peers, ring: Keyring, name: str, *options: str) -> Node:
    """A standby that serves nobody, of the first node, started."""
    folder = peers.folder / name
    folder.mkdir()
    node = Node(peers.program, name, folder / "app.db")
    node.log_path = peers.folder / f"{name}.log"
    node.arguments = ["subscribe", str(node.database), "--node", name, "--from", peers.nodes[0].address,
                      *options]
    peers.nodes.append(node)
    return node.start()


def expect_denied(node: Node, kind: str) -> None:
    wait_until(f"{node.name} tells of {kind}", lambda: f"kind={kind}" in node.log_text())


def takeovers(program, chance):
    with Peers(program) as peers:
        start(peers)
        writer = peers.write_ledger("--rate", "500")
        wait_until("rows are written", lambda: len(peers.acknowledged()) > 50)
        peers.switch_over("b", asked="c")
        peers.wait_for_leader("b")
        rows = len(peers.acknowledged())
        wait_until("rows are written to b", lambda: len(peers.acknowledged()) > rows + 50)
        peers["b"].kill()
        peers.promote("c", "--force")
        peers.wait_for_leader("c")
        peers["b"].start()
        rows = len(peers.acknowledged())
        wait_until("rows are written to c", lambda: len(peers.acknowledged()) > rows + 50)
        writer.finish()
        peers.expect_all_equal("c")
        peers.expect_nothing_lost("c", orphans_allowed=True)
        count("takeovers with keys", 2)


def changed_key(program, chance):
    """c gets another key while rows are written; with the old one nobody follows any more."""
    with Peers(program) as peers:
        ring = start(peers)
        writer = peers.write_ledger("--rate", "300", only="a")
        old = peers.folder / "old.key"
        shutil.copy(ring.key_path("c"), old)
        ring.make("c", endpoint=peers["c"].address)
        ring.write_peers()
        peers["c"].stop()
        peers["c"].start()
        ring.reload(peers["a"], peers["b"])
        peers["c"].wait_for_state("streaming")
        writer.finish()
        peers.expect_all_equal("a")
        thief = follower(peers, ring, "thief", "--key-file", str(old), "--peer-keys", str(ring.peers_path))
        wait_until("the old key is refused", lambda: "refuses this node's key" in thief.log_text())
        expect_denied(peers["a"], "unknown_key")
        expect(thief.seq() <= 0 and not thief.database.exists(), "the old key still follows")
        thief.kill()


def withdrawn_key(program, chance):
    """Off the list c loses the stream that it has; a bad list changes nothing; put back it catches up."""
    with Peers(program) as peers:
        ring = start(peers)
        ring.write_peers("c")
        ring.reload(peers["a"], peers["b"])
        wait_until("c is refused", lambda: "refuses this node's key" in peers["c"].log_text())
        before = peers["c"].seq()
        peers.write_rows("a", 200)
        last = peers["a"].seq()
        peers["b"].wait_for_seq(last)
        expect(peers["c"].seq() == before, "c still follows")
        ring.peers_path.write_text("[[peer]]\nname = \"c\"\n")
        ring.reload(peers["a"])
        expect("peer_keys_rejected" in peers["a"].log_text(), "a bad list was taken")
        peers.write_rows("a", 50)
        peers["b"].wait_for_seq(peers["a"].seq())
        expect(peers["c"].seq() == before, "c follows by a bad list")
        ring.write_peers()
        ring.reload(peers["a"], peers["b"])
        peers.expect_all_equal("a")
        count("keys withdrawn and given back", 1)


def rights(program, chance):
    """Keys of the list that are not for what they are used for; a node without; a wrong name."""
    with Peers(program, "a", "b") as peers:
        ring = with_keys(peers)
        ring.make("reader", ("follow",))
        ring.make("deaf", ("command",))
        ring.write_peers()
        peers.start(own=lambda node: ring.options(node.name))
        reader = follower(peers, ring, "reader", *ring.options("reader"))
        reader.wait_for_state("streaming")
        refused = {
            "deaf": (ring.options("deaf"), "refuses"),
            "renamed": (ring.options("reader"), "--node reader"),
            "plain": ([], "it demands keys"),
        }
        for name, (options, words) in refused.items():
            node = follower(peers, ring, name, *options)
            if name == "renamed":  # refused by itself: the list says what its key is called
                wait_until("it ends", lambda node=node: not node.is_running())
                expect(node.exit_code == 2, f"exit code {node.exit_code}")
            else:
                wait_until(f"{name} is refused", lambda node=node, words=words: words in node.log_text())
            expect(words in node.log_text(), node.log_text())
            expect(not node.database.exists(), f"{name} got data")
            node.kill()
            peers.nodes.remove(node)
        expect("b leads" not in reader.run("switchover", "--to", "b").stdout, "a reader commands")
        expect(peers["a"].status()["role"] == "primary", "the primary was moved")
        reader.kill()
        peers.nodes.remove(reader)
        peers.expect_all_equal("a")


def hostile_crowd(program, chance):
    """Hundreds of wrong clients at a primary's ports: nothing comes out, the standbys have all."""
    with Peers(program, "a", "b") as peers:
        ring = with_keys(peers)
        ring.make("reader", ("command",))
        ring.write_peers()
        peers.start(own=lambda node: ring.options(node.name))
        epoch = peers["a"].status()["epoch"]
        crowd = peers.run_program("crowd.py", peers["a"].host, str(peers["a"].port), ring.public("a"),
                                  "--role-key", str(ring.key_path("reader")), "reader", "--clients", "300",
                                  "--seed", str(chance.randrange(2**31)))
        peers.write_rows("a", 1000)
        peers["b"].wait_for_seq(peers["a"].seq())
        for kind in ("unknown_key", "wrong_server_key", "may_not_follow", "too_many", "other_name"):
            expect_denied(peers["a"], kind)
        got = crowd.finish()
        expect(got["taken"] == 0, f"the crowd got {got}")
        expect(got["refusals"] > 0, f"nobody was refused in words: {got}")
        status = peers["a"].status()
        expect((status["role"], status["epoch"]) == ("primary", epoch), f"the primary was moved: {status}")
        peers.expect_all_equal("a")
        peers.expect_nothing_lost("a", orphans_allowed=False)
        lines = peers["a"].log_text().count(" denied: ")
        expect(lines < 300, f"{lines} lines of denials")
        count("hostile clients", got["clients"])
        count("hostile connections", got["calls"])


if __name__ == "__main__":
    run_scenarios(takeovers, changed_key, withdrawn_key, rights, hostile_crowd)
