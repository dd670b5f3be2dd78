"""etcd in trouble: its leader killed, members stopped, all of it gone with the nodes still there, and
let in by name and password or by certificates.
"""

import contextlib
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from etcd import make_certificates  # noqa: E402
from harness import Expectation, count, expect, rounds, run_scenarios, wait_until  # noqa: E402
from leases import LeasePeers, lease_peers  # noqa: E402
from etcd import Etcd  # noqa: E402


def write_patiently(peers):
    """Our own checkpoint may refuse an application without any patience for some milliseconds (GUARANTEES,
    what is not promised, 7)."""
    return peers.write_ledger("--rate", "200", "--patience", "0.2", only="a")


def expect_undisturbed(peers, writer) -> None:
    """The writer was refused nothing, and a led all the time."""
    outcome = writer.finish()
    expect(outcome["refused"] == 0, f"{outcome['refused']} writes were refused")
    expect(peers.leader() == "a" and peers["a"].status()["epoch"] == 1, "the primary was moved")


def wait_for_renewal(peers) -> None:
    found: list[int] = []

    def is_renewed() -> bool:
        found.extend([record["renewals"] for record in (peers.record(),) if record])
        return bool(found) and found[-1] > found[0]

    wait_until("the lease is renewed", is_renewed, 30)


def etcd_leader_is_killed(program, chance):
    with lease_peers(program, ttl=10) as peers:
        writer = write_patiently(peers)
        for _ in range(rounds(2, 10)):
            leader = peers.etcd.leader()
            getattr(leader, chance.choice(["kill", "pause"]))()
            wait_until("etcd has another leader", lambda: peers.etcd.leader() not in (None, leader), 30)
            wait_for_renewal(peers)
            leader.resume() if leader.is_running() else leader.start()
            count("etcd leaders killed or stopped", 1)
        expect_undisturbed(peers, writer)


def all_of_etcd_is_gone(program, chance):
    """All nodes are there and promise to stay: the primary leads on. Without one of them it does not."""
    with lease_peers(program) as peers:
        writer = write_patiently(peers)
        for member in peers.etcd.members:
            member.kill()
        wait_until("it leads on promises", lambda: peers.said("a", "lease_on_promises"), 30)
        deadline = time.monotonic() + peers.ttl + 1
        while time.monotonic() < deadline:
            expect(peers["a"].status()["role"] == "primary", "it stood down")
            time.sleep(0.2)
        expect_undisturbed(peers, writer)
        expect(any("promise" in warning for warning in peers["a"].status()["warnings"]), "no warning")
        peers["c"].kill()
        wait_until("a takes no writes any more", lambda: not peers.is_writable("a"), 30)
        peers["a"].wait_until("it stands down", lambda status: status["role"] == "standby", 30)
        for member in peers.etcd.members:
            member.start()
        peers["c"].start()
        wait_until("somebody leads again", lambda: peers.leader() is not None, 60)
        leader = peers.leader()
        peers.write_rows(leader, 20)
        peers.expect_all_equal(leader)
        peers.expect_nothing_lost(leader, orphans_allowed=False)


def a_start_without_etcd(program, chance):
    """Who leads cannot be known: the node's application is fenced until it can."""
    with lease_peers(program) as peers:
        for node in peers.nodes:
            node.kill()
        for member in peers.etcd.members:
            member.kill()
        for node in peers.nodes:
            node.start()
        peers["a"].wait_until("it is a standby", lambda status: status["role"] == "standby"
                              and status["state"] == "connecting", 60)
        wait_until("it takes no writes", lambda: not peers.is_writable("a"), 30)
        for member in peers.etcd.members:
            member.start()
        wait_until("somebody leads again", lambda: peers.leader() is not None, 60)
        leader = peers.leader()
        peers.write_rows(leader, 20)
        peers.expect_all_equal(leader)


def by_certificate(program, chance):
    with LeasePeers(program, *"ab") as peers:
        files = make_certificates(peers.folder / "certificates")
        secure = ("--cert-file", str(files["server.crt"]), "--key-file", str(files["server.key"]),
                  "--client-cert-auth", "--trusted-ca-file", str(files["ca.crt"]))
        etcd = Etcd(peers.folder, 1, secure_options=secure)
        etcd.ctl_options = [f"--cacert={files['ca.crt']}", f"--cert={files['client.crt']}",
                            f"--key={files['client.key']}"]
        with etcd:
            peers.etcd = etcd
            peers.start("--lease-ca", str(files["ca.crt"]), "--lease-cert", str(files["client.crt"]),
                        "--lease-key", str(files["client.key"]))
            peers["a"].kill()
            expect(peers.wait_for_new_leader("a") == "b", "b does not lead")


def by_password(program, chance):
    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(LeasePeers(program, *"ab"))
        etcd = peers.etcd = stack.enter_context(Etcd(peers.folder, 1))
        etcd.ctl("user", "add", "root:secret-of-root")
        etcd.ctl("user", "add", "nodes:secret")
        etcd.ctl("role", "add", "root")
        etcd.ctl("user", "grant-role", "root", "root")
        etcd.ctl("role", "add", "lease")
        etcd.ctl("role", "grant-permission", "lease", "--prefix=true", "readwrite", "/understudy/")
        etcd.ctl("user", "grant-role", "nodes", "lease")
        etcd.ctl("auth", "enable")
        etcd.ctl_options = ["--user", "root:secret-of-root"]
        os.environ["UNDERSTUDY_LEASE_PASSWORD"] = "secret"
        stack.callback(lambda: os.environ.pop("UNDERSTUDY_LEASE_PASSWORD"))
        peers.start("--lease-user", "nodes")
        etcd.members[0].kill()
        etcd.members[0].start()  # its tokens are gone
        try:
            wait_for_renewal(peers)
        except Expectation as error:
            raise Expectation(f"{error}; {peers.cluster('a')['lease']}") from None
        peers["a"].kill()
        expect(peers.wait_for_new_leader("a") == "b", "b does not lead")


if __name__ == "__main__":
    run_scenarios(etcd_leader_is_killed, all_of_etcd_is_gone, a_start_without_etcd, by_certificate,
                  by_password)
