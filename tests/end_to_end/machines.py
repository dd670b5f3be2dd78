"""Three machines under a lease, for the nemesis: what they are made of, and the history that they had."""

import base64
import contextlib
import datetime
import enum
import json
import pathlib
import random
import sys
import time
from typing import Callable, Iterator, NamedTuple

import lease_history
from application import CannotLoad, find_python
from cluster import brief, is_settled, orphaned_tokens
from etcd import NO_ANSWER, Etcd, Place, base64_text
from harness import Expectation, Skipped, count, equality, expect, wait_until
from hosts import Host, application_command
from lease_history import Bound, History
from lease_watch import LeaseWatch, all_records
from leases import LeasePeers
from namespaces import Networks
from slow_disk import SlowDisk
from wall_clock import DAY, WallClock, build_preload

NAMES = "abc"
PAUSE = "/understudy/pause"
MEMBERS = "/understudy/members/"  # what the nodes say of themselves in etcd
MAX_LAG = 20
# A tenure without commits that wait may lose what was committed after the last renewal that succeeded was
# sent (ttl less margin before its end), or rather after what that renewal told, which is as old as the
# node's last look and its disk's last answer (a second is more than both); and MAX_LAG rows.
BOUND = Bound(seconds=LeasePeers.ttl - 1.0 + 1.0, rows=MAX_LAG)


class Mode(enum.Enum):
    """How commits wait for a standby, as options of the nodes."""
    WAIT = ("--sync", "1", "--sync-timeout", "2s")
    DEGRADE = ("--sync", "1", "--sync-timeout", "0.5s", "--when-unreplicated", "degrade")
    ASYNCHRONOUS = ("--max-lag-on-takeover", str(MAX_LAG))


class Machines(NamedTuple):
    networks: Networks
    peers: LeasePeers
    hosts: dict[str, Host]
    watch: LeaseWatch
    mode: Mode

    def leader(self) -> Host | None:
        """Who has the lease and leads, by the newest record that was seen."""
        record = self.watch.record
        if not record or record["offered"] or record["released"] or record["led_node"] != record["node"]:
            return None
        return self.hosts[record["node"]]

    def has_heir(self) -> bool:
        """A standby has on record that it would take over: none does that just began anew, for example."""
        asked = {"key": base64_text(MEMBERS), "range_end": base64_text(MEMBERS[:-1] + chr(ord(MEMBERS[-1]) + 1))}
        members = [json.loads(base64.b64decode(found["value"]))
                   for found in self.peers.etcd.ask("/v3/kv/range", asked).get("kvs", [])]
        return any(member["role"] == "standby" and not member["refusal"] for member in members)

    def is_paused(self) -> bool:
        """Asked for in etcd, or noted by who leads. Raises what NO_ANSWER has."""
        asked = self.peers.etcd.ask("/v3/kv/range", {"key": base64_text(PAUSE)})
        return bool(asked.get("kvs")) or bool(self.watch.record and self.watch.record["paused"])

    def is_calm(self) -> bool:
        """All are there, one leads, the others follow, and one of these could lead."""
        with contextlib.suppress(*NO_ANSWER):
            return self._is_calm()
        return False

    def _is_calm(self) -> bool:
        statuses, leader = self.peers.statuses(), self.leader()
        if leader is None or len(statuses) < len(NAMES) or self.peers.etcd.leader() is None or self.is_paused():
            return False
        states = {name: status and status["state"] for name, status in statuses.items()}
        wanted = {name: "publishing" if name == leader.name else "streaming" for name in NAMES}
        return states == wanted and self.has_heir()

    def wait_until_calm(self, timeout: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        def is_calm() -> bool:
            meanwhile()
            return self.is_calm()

        try:
            wait_until("one leads, and all follow", is_calm, timeout)
        except Expectation as error:
            raise Expectation(f"{error}; record {self.watch.record}; {brief(self.peers.statuses())}") from None

    def expect_clocks_to_jump(self) -> None:
        """What a node notes from now on is of tomorrow."""
        for host in self.hosts.values():
            tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=DAY)
            host.clock.jump(DAY)
            for command in ("pause", "resume"):  # which a node notes
                answer = host.node.run(command)
                expect(answer.returncode == 0, f"{command} on {host.name}: {answer.stdout}{answer.stderr}")
            wait_until(f"{host.name} notes what is of tomorrow", lambda: any(
                line[:40].partition('"time":"')[2][:10] == str(tomorrow.date())
                for line in host.node.log_text().splitlines()[-5:]))
            host.clock.jump(-DAY)

    def expect_equal(self, timeout: float = 60) -> str:
        """Nobody writes any more: all three come to the same. Returns who leads."""
        deadline = time.monotonic() + timeout
        for host in self.hosts.values():
            host.stop_writing()

        def is_at_rest() -> bool:
            statuses, leader = self.peers.statuses(), self.leader()
            return len(statuses) == len(NAMES) and leader is not None and is_settled(statuses, leader.name)

        try:
            wait_until("all three run and have the same", is_at_rest, timeout)
        except Expectation as error:
            raise Expectation(f"{error}; {brief(self.peers.statuses())}") from None
        leader = self.leader().name
        self.peers.expect_all_equal(leader, max(1.0, deadline - time.monotonic()))
        return leader

    def history(self, tokens: list[str]) -> History:
        records = all_records(self.peers.etcd, self.watch.key)
        rows = [row for host in self.hosts.values() for row in host.rows()]
        excuses = [excuse for host in self.hosts.values() for excuse in host.excuses]
        return History(rows, records, lease_history.tenures_of(records, self.watch.polls), excuses, tokens)

    def prove(self) -> History:
        leader = self.expect_equal()
        history = self.history(equality.run_sqlite(self.peers[leader].database, ".timeout 10000",
                                                   "SELECT token FROM ledger ORDER BY rowid").split())
        lost = [row.token for row in lease_history.gone(history)]
        kept = orphaned_tokens(self.peers.orphan_files(), lost) if lost else set()
        wrong = (lease_history.judge_async(history, kept, BOUND) if self.mode == Mode.ASYNCHRONOUS
                 else lease_history.judge_sync(history))
        wrong += [f"node {host.name} ended by itself: {host.own_ends}" for host in self.hosts.values() if host.own_ends]
        self.report(history, lost, kept)
        expect(not wrong, f"{len(wrong)} things are wrong: " + "; ".join(wrong[:5]))
        return history

    def report(self, history: History, lost: list[str], kept: set[str]) -> None:
        told = [row for row in history.rows if row.is_told]
        excused = [row for row in told if lease_history.is_excused(row, history.excuses)]
        count("nemesis: tenures", len(history.tenures))
        count("nemesis: rows acknowledged", len(told))
        count("nemesis: rows refused, or of unknown outcome", len(history.rows) - len(told))
        count("nemesis: rows acknowledged that are orphans", len(kept))
        count("nemesis: rows acknowledged while nobody guarded the database", len(excused))
        count("nemesis: of these in no file any more", len(lost) - len(kept))
        count("nemesis: questions to etcd", len(self.watch.polls))
        count("nemesis: applications that were late for their fence", sum(
            host.node.log_text().count('"lease_fence_late"') for host in self.hosts.values()))
        count("nemesis: killed by the watchdog", sum(host.watchdog_kills for host in self.hosts.values()))


def find_extension(program: str) -> tuple[pathlib.Path, str]:
    try:
        return pathlib.Path(program).resolve().parent / "understudy_commit.so", find_python()
    except CannotLoad as why:
        raise Skipped(str(why)) from None


def make_disks(stack: contextlib.ExitStack, peers: LeasePeers) -> dict[str, SlowDisk]:
    return {node.name: stack.enter_context(SlowDisk(node.database.parent)) for node in peers.nodes}


def make_hosts(peers: LeasePeers, networks: Networks, disks: dict[str, SlowDisk], command: list[str],
               chance: random.Random) -> dict[str, Host]:
    preload = build_preload(peers.folder)
    return {node.name: Host(node, member, networks, disks[node.name],
                            WallClock(peers.folder / f"clock-{node.name}", preload), command, chance)
            for node, member in zip(peers.nodes, peers.etcd.members)}


@contextlib.contextmanager
def three_machines(program: str, chance: random.Random, mode: Mode,
                   environment: tuple[str, ...] = ()) -> Iterator[Machines]:
    """Settled. `environment` (NAME=value) is that of the nodes."""
    extension, python = (None, sys.executable) if mode == Mode.ASYNCHRONOUS else find_extension(program)
    command = application_command(extension, python, mode == Mode.DEGRADE)
    with Networks(*NAMES) as networks, LeasePeers(program, *NAMES) as peers, contextlib.ExitStack() as stack:
        disks = make_disks(stack, peers)
        for node in peers.nodes:
            node.host = networks.host(node.name)
            node.launcher = [*networks.launcher(node.name), "env", *environment]
        places = [Place(networks.host(name), networks.launcher(name), disks[name].folder) for name in NAMES]
        peers.etcd = stack.enter_context(Etcd(peers.folder, places=places, call=networks.call))
        hosts = make_hosts(peers, networks, disks, command, chance)
        for host in hosts.values():
            stack.callback(host.end)
            host.begin()
        peers.start("--insecure", "--log-format", "json", *mode.value, own=lambda node: [
            "--lease-kill", f"kill -9 $(cat {hosts[node.name].pid_file})"])
        watch = stack.enter_context(LeaseWatch(peers.etcd, networks.stand_at_router))
        for host in hosts.values():
            host.start_writing()
        yield Machines(networks, peers, hosts, watch, mode)
