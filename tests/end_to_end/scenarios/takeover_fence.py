"""A disk that hangs, or a process that dies, in the middle of a change of roles under a lease: the application
stays fenced until whoever may have to fence it again can; a lease is renewed whatever a record waits for; a log
that is put aside is never half of one. A node that fails while it leads ends its process.
"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from cluster import Peers  # noqa: E402
from filesystems import PowerDisk  # noqa: E402
from harness import Cluster, count, equality, expect, free_port, run_scenarios, wait_until  # noqa: E402
from leases import lease_peers, shared_etcd  # noqa: E402
from run_file import Run, create, table  # noqa: E402
from takeover_kill_steps import restart_to_die_at, run_until_it_dies  # noqa: E402

REINIT = ("aside_folded", "aside_moved")


def lead_and_hold_at(peers, name: str, step: str) -> pathlib.Path:
    """The other node dies, and `name`, which takes over, is held at that step; until the file is removed."""
    hold = peers.folder / f"hold-{step}"
    hold.touch()
    peers[name].stop()
    peers[name].launcher = ["env", f"UNDERSTUDY_HOLD_AT={step}:{hold}"]
    peers[name].start()
    peers.wait_until_settled("a")
    peers.wait_until_listed()
    peers["a"].kill()
    held = hold.with_name(hold.name + ".held")
    wait_until(f"{name} is held at {step}", held.exists, 60, peers[name])
    return hold


def lose_the_store(peers, name: str) -> None:
    for member in peers.etcd.members:
        member.pause()
    wait_until("its lease is late", lambda: peers.said(name, "lease_late"), 60, peers[name])


def held_before_it_leads(program, chance):
    """As by a record that hangs: by the time that it goes on, the lease is gone, and nobody may write."""
    with lease_peers(program, names="ab") as peers:
        hold = lead_and_hold_at(peers, "b", "promote_recorded")
        expect(not peers.is_writable("b"), "b takes writes, and does not lead yet")
        lose_the_store(peers, "b")
        wait_until("its lease is over", lambda: not peers.cluster("b")["lease"]["is_held"], 60, peers["b"])
        hold.unlink()

        def follows() -> bool:
            expect(not peers.is_writable("b"), "b takes writes, and its lease is over")
            status = peers["b"].status() or {}
            return (status.get("role"), status.get("state")) == ("standby", "connecting")

        wait_until("it follows again", follows, 60, peers["b"])
        expect(not peers.said("b", "promoted: "), "it led without the lease")
        expect(not peers.is_writable("b"), "b takes writes without the lease")
        for member in peers.etcd.members:
            member.resume()
        count("leases lost while a promotion hung", 1)


def held_with_the_application_free(program, chance):
    """Let write, and held before it goes on: the lease thread can fence all the same."""
    with lease_peers(program, names="ab") as peers:
        hold = lead_and_hold_at(peers, "b", "promote_freed")
        wait_until("b takes writes", lambda: peers.is_writable("b"))
        lose_the_store(peers, "b")
        wait_until("b is fenced", lambda: not peers.is_writable("b"), 20)
        for member in peers.etcd.members:
            member.resume()
        hold.unlink()
        count("applications fenced while a promotion hung", 1)


def the_lease_is_renewed_while_a_record_hangs(program, chance):
    with lease_peers(program, names="ab") as peers:
        hold = peers.folder / "hold"
        peers["a"].stop()
        peers["a"].launcher = ["env", f"UNDERSTUDY_HOLD_AT=node_record:{hold}"]
        peers["a"].start()
        peers.wait_until_settled("a")
        peers.wait_until_listed()
        before = peers.record()
        hold.touch()
        fencing = subprocess.Popen([program, "fence", str(peers["a"].database)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the record hangs", hold.with_name("hold.held").exists)
        # Two ttl's worth: without them another node would have taken over.
        wait_until("it is renewed", lambda: peers.record()["renewals"] >= before["renewals"] + 8
                   or peers.record()["epoch"] != before["epoch"], 60, peers["a"])
        expect(peers.record()["epoch"] == before["epoch"], "another node took the lease")
        expect(fencing.poll() is None, "the record did not hang")
        hold.unlink()
        fencing.wait()
        wait_until("a is fenced", lambda: not peers.is_writable("a"))
        expect(peers["a"].run("unfence").returncode == 0, "unfence")
        wait_until("a takes writes", lambda: peers.is_writable("a"))
        peers.expect_all_equal("a")
        expect("leads already" in peers.refused("a", "promote", "--force"), "promote of the holder")
        count("renewals while a record hung", 8)


def a_node_that_fails_ends_its_process(program, chance):
    """`run`: were the node begun again in the same process, nobody would fence its application meanwhile, and the
    unit that is bound to it would not end it."""
    with Cluster(program) as cluster:
        path = cluster.folder / "app.db"
        create(path)
        with PowerDisk(path.with_name("app.db-understudy")) as disk:
            disk.folder.chmod(0o700)
            etcd = shared_etcd().__enter__()
            port = free_port()
            run = Run(cluster, table(path, "publish", port, f'peers = ["tcp://127.0.0.1:{port}"]',
                                     f'lease = "{etcd.url}"', 'lease-ttl = "5s"', 'lease-prefix = "/run"')).start()
            run.wait_for_state(path, "publishing")
            disk.cut()
            cluster.execute("INSERT INTO t VALUES (1, 'x')", path)
            wait_until("the process ends", lambda: not run.node.is_running(), 60, run.node)
            expect("node_unguarded" in run.node.log_text(), "it does not say why")
            expect(run.node.exit_code != 0, "nobody would start it again")
            count("processes ended by a node that failed", 1)


def kill_while_a_log_is_put_aside(program, chance):
    with Peers(program).start() as peers:
        victim = peers["a"]  # its log is of its own making, until it is put aside
        peers.write_rows("a", 20)
        peers.switch_over("b")
        for step in REINIT:
            restart_to_die_at(victim, step)
            peers.write_rows("b", 20)
            peers.wait_until_settled("b")
            run_until_it_dies(victim, step, peers["b"], "reinit", "--node", "a")
            record = json.loads((victim.state_folder / "node.json").read_text())
            expect(record["copied"], f"{step}: what comes is a copy, and that is not on record")
            kept = sorted(victim.state_folder.glob("orphans/*.db"))
            log = kept[-1] if step == "aside_moved" else victim.state_folder / "backend.db"
            expect(equality.run_sqlite(log, "PRAGMA integrity_check").strip() == "ok", f"{step}: {log} is damaged")
            victim.start()
            peers.wait_until_settled("b")
        peers.expect_all_equal("b")


if __name__ == "__main__":
    run_scenarios(held_before_it_leads, held_with_the_application_free, the_lease_is_renewed_while_a_record_hangs,
                  a_node_that_fails_ends_its_process, kill_while_a_log_is_put_aside)
