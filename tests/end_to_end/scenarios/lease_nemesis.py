"""Everything at once against three machines, each with a node, its application and a member of etcd:
hosts, nodes and members of etcd are killed (its leader, too), stopped, cut off from each other in both
directions or in one, disks stutter, automatics are paused, the primary is moved; while the applications
of all three write whenever they may. Whatever happens, the history is one that a single database could
have had (lease_history.py judges, which knows nothing of the product), what was acknowledged of commits
that wait is there, and after healing all three files are equal.

Clocks: wall time plays no part in the lease, and no two machines' clocks are compared; the simulation
(tests/simulation) has clocks of different rates and whole machines that stand still.
"""

import contextlib
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from application import CannotLoad, find_python  # noqa: E402
from etcd import Etcd  # noqa: E402
from harness import Skipped, count, equality, expect, rounds, run_scenarios, wait_until  # noqa: E402
from hosts import Host, application_command, places  # noqa: E402
from lease_history import judge, parse_journal  # noqa: E402
from leases import LeasePeers  # noqa: E402
from namespaces import Networks  # noqa: E402

NAMES = "abc"
# What becomes of something that is done to a process which has just died, or which is stopped.
GONE = (OSError, subprocess.SubprocessError)


class Nemesis:
    """Its faults, and what undoes each; all run beside each other."""

    def __init__(self, networks: Networks, peers: LeasePeers, hosts: dict[str, Host], chance: random.Random):
        self.networks, self.peers, self.hosts, self.chance = networks, peers, hosts, chance
        self.due: list[tuple[float, object]] = []  # (when, what to undo)
        self.done: dict[str, int] = {}
        self.faults = [self.kill_host, self.kill_leader_host, self.kill_node, self.kill_member,
                       self.kill_etcd_leader, self.stop_node, self.stop_node_briefly, self.stop_member,
                       self.stop_etcd_leader, self.part, self.part_one_way, self.isolate, self.stutter,
                       self.move, self.pause_automatics]

    def run(self, seconds: float) -> None:
        until, next_at = time.monotonic() + seconds, time.monotonic() + 1
        while time.monotonic() < until:
            self.look()
            if time.monotonic() >= next_at:
                fault = self.chance.choice(self.faults)
                self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
                with contextlib.suppress(*GONE):
                    fault()
                next_at = time.monotonic() + self.chance.uniform(0.3, 4.0)
            time.sleep(0.02)

    def look(self) -> None:
        for host in self.hosts.values():
            host.look()
        for entry in [entry for entry in self.due if entry[0] <= time.monotonic()]:
            self.due.remove(entry)
            with contextlib.suppress(*GONE):
                entry[1]()

    def heal(self) -> None:
        """All that was done is undone."""
        for _, undo in self.due:
            with contextlib.suppress(*GONE):
                undo()
        self.due.clear()
        self.networks.heal()
        for host in self.hosts.values():
            host.power_on()
            host.member.start()
            with contextlib.suppress(ProcessLookupError):
                host.member.resume()
            host.resume_node()
        wait_until("automatics are on", self.resume_automatics, 60)

    def resume_automatics(self) -> bool:
        self.look()
        for node in self.peers.nodes:
            with contextlib.suppress(*GONE):
                if node.is_running() and node.run("resume", timeout=10).returncode == 0:
                    return True
        return False

    def later(self, least: float, most: float, undo) -> None:
        self.due.append((time.monotonic() + self.chance.uniform(least, most), undo))

    def any_host(self) -> Host:
        return self.hosts[self.chance.choice(NAMES)]

    # --- faults ---

    def kill_host(self) -> None:
        host = self.any_host()
        host.power_off()
        self.later(0.5, 9, host.power_on)

    def kill_leader_host(self) -> None:
        record = self.record()
        if record:
            host = self.hosts[record["node"]]
            host.power_off()
            self.later(0.5, 12, host.power_on)

    def kill_node(self) -> None:
        self.any_host().kill_node()

    def kill_member(self) -> None:
        member = self.any_host().member
        member.kill()
        self.later(0.2, 6, member.start)

    def kill_etcd_leader(self) -> None:
        member = self.peers.etcd.leader()
        if member:
            member.kill()
            self.later(0.2, 6, member.start)

    def stop_node(self) -> None:
        """Hangs: its watchdog kills it, or it is back before."""
        host = self.any_host()
        host.pause_node()
        self.later(0.5, 8, host.resume_node)

    def stop_node_briefly(self) -> None:
        host = self.any_host()
        host.pause_node()
        self.later(0.05, 0.3, host.resume_node)

    def stop_member(self) -> None:
        member = self.any_host().member
        if member.is_running():
            member.pause()
            self.later(0.5, 8, member.resume)

    def stop_etcd_leader(self) -> None:
        member = self.peers.etcd.leader()
        if member:
            member.pause()
            self.later(0.5, 8, member.resume)

    def part(self) -> None:
        self.networks.cut(*self.chance.sample(NAMES, 2))
        self.later(0.5, 8, self.networks.heal)

    def part_one_way(self) -> None:
        self.networks.cut_one_way(*self.chance.sample(NAMES, 2))
        self.later(0.5, 8, self.networks.heal)

    def isolate(self) -> None:
        name = self.chance.choice(NAMES)
        for other in NAMES.replace(name, ""):
            self.networks.cut(name, other)
        self.later(1, 12, self.networks.heal)

    def stutter(self) -> None:
        """As on a disk that is slow: what is stopped and goes on, again and again."""
        host = self.any_host()
        for number in range(10):
            at = time.monotonic() + number * 0.2
            for delay, act in ((0.0, "pause"), (0.1, "resume")):
                if host.member.is_running():
                    self.due.append((at + delay, getattr(host.member, act)))
                self.due.append((at + delay, getattr(host, f"{act}_node")))

    def move(self) -> None:
        name = self.chance.choice(NAMES)
        if self.peers[name].is_running():
            with contextlib.suppress(*GONE):
                self.peers[name].run("switchover", "--to", name, timeout=1.0)

    def pause_automatics(self) -> None:
        host = self.any_host()
        if host.node.is_running():
            with contextlib.suppress(*GONE):
                host.node.run("pause", timeout=1.0)
            self.later(0.5, 4, lambda: host.node.run("resume", timeout=1.0))

    def record(self) -> dict | None:
        with contextlib.suppress(*GONE):
            return self.peers.etcd.record()
        return None


@contextlib.contextmanager
def machines(program, chance, waits: bool):
    """Three of them, settled; commits wait for one standby or not."""
    with Networks(*NAMES) as networks, LeasePeers(program, *NAMES) as peers:
        for node in peers.nodes:
            node.host, node.launcher = networks.host(node.name), networks.launcher(node.name)
        etcd = Etcd(peers.folder, places=places(networks, NAMES))
        extension, python = None, sys.executable
        if waits:
            try:
                python = find_python()
            except CannotLoad as why:
                raise Skipped(str(why)) from None
            extension = pathlib.Path(program).resolve().parent / "understudy_commit.so"
        command = application_command(extension, python)
        with etcd:
            peers.etcd = etcd
            hosts = {node.name: Host(node, member, peers.folder, command, chance)
                     for node, member in zip(peers.nodes, etcd.members)}
            options = ("--sync", "1", "--sync-timeout", "2s") if waits else ()
            try:
                peers.start("--insecure", "--log-format", "json", *options)
                yield networks, peers, hosts
            finally:
                for host in hosts.values():
                    host.end()


def prove(peers, hosts, waits: bool) -> None:
    """Nobody writes any more; all files are equal, and the history is right."""
    for host in hosts.values():
        host.kill_application()
    wait_until("somebody leads", lambda: peers.leader() is not None, 90)
    leader = peers.leader()
    peers.expect_all_equal(leader, 120)
    journals = {name: host.journal.read_text() if host.journal.exists() else ""
                for name, host in hosts.items()}
    acknowledged = [row for name, text in journals.items() for row in parse_journal(text, name)]
    tokens = equality.run_sqlite(peers[leader].database, ".timeout 10000",
                                 "SELECT token FROM ledger ORDER BY rowid").split()
    wrong = judge(acknowledged, tokens, peers.etcd.record()["epoch"], orphans_allowed=not waits)
    expect(not wrong, f"{len(wrong)} things are wrong, such as: {'; '.join(wrong[:3])}")
    count("rows that a nemesis let be acknowledged", len(acknowledged))


def run_nemesis(program, chance, waits: bool, seconds: float) -> None:
    with machines(program, chance, waits) as (networks, peers, hosts):
        nemesis = Nemesis(networks, peers, hosts, chance)
        nemesis.run(seconds)
        nemesis.heal()
        deadline = time.monotonic() + 90
        while not (all(node.is_running() for node in peers.nodes) and peers.leader()):
            nemesis.look()
            expect(time.monotonic() < deadline, f"nobody leads after healing: {peers.statuses()}")
            time.sleep(0.05)
        prove(peers, hosts, waits)
        for name, times in sorted(nemesis.done.items()):
            count(f"nemesis: {name}", times)
        count("nemesis: killed by the watchdog", sum(host.watchdog_kills for host in hosts.values()))
        count("epochs under a nemesis", peers.etcd.record()["epoch"])


def commits_that_wait(program, chance):
    run_nemesis(program, chance, True, rounds(30, 600))


def asynchronous(program, chance):
    run_nemesis(program, chance, False, rounds(15, 600))


if __name__ == "__main__":
    run_scenarios(commits_that_wait, asynchronous)
