"""What befalls the three machines: faults, and what undoes each. All run beside each other.

Two kinds. Those of the deck come in a random order, each once a round, soon after one another and on top
of one another. A blow is one after which another node must take over: it is dealt when all is calm, and
lasts until another one leads, so that every run has takeovers. One thread.
"""

import contextlib
import random
import signal
import subprocess
import time
from typing import Callable

from cluster import brief
from etcd import NO_ANSWER
from harness import Expectation, expect, wait_until
from hosts import Host
from machines import NAMES, Machines
from wall_clock import DAY

# What becomes of something that is done to a process which has just died, or which is stopped.
GONE = (OSError, subprocess.SubprocessError)
RETRY = 0.2
TRIES = 5
HEALING = 60.0   # seconds that everything may take to be undone, and one to lead
TAKEOVER = 30.0  # until another one leads
# A disk that is silent for longer than the margin, in the middle of a COMMIT, keeps the application's lock
# beyond it, and nothing can end that application: GUARANTEES excepts it. So it is silent for less.
LONGEST_FREEZE = 0.6


class Nemesis:
    def __init__(self, machines: Machines, chance: random.Random):
        self.machines, self.chance = machines, chance
        self.networks, self.hosts, self.etcd = machines.networks, machines.hosts, machines.peers.etcd
        self.done: dict[str, int] = {}
        self._due: list[tuple[float, Callable]] = []  # when, and what is undone
        self.deck = [
            self.kill_host, self.black_out, self.kill_node, self.kill_leading_node, self.kill_member,
            self.kill_etcd_leader, self.kill_application, self.stop_node, self.stop_node_briefly, self.stop_member,
            self.stop_etcd_leader, self.stop_application, self.stop_host, self.stop_host_briefly, self.part,
            self.part_one_way, self.part_nodes, self.part_node_from_member, self.part_node_from_own_member,
            self.part_members, self.isolate, self.jump_clock, self.slow_disk, self.freeze_disk, self.move,
            self.pause_automatics]
        self.blows = [self.corner_leader, self.corner_and_hang, self.corner_in_transaction, self.kill_leading_host,
                      self.stop_leading_host]

    # --- rounds ---

    def play_round(self, blows: int, pace: float) -> None:
        """The whole deck, and so many blows among it. `pace`: the longest time between two faults."""
        deck, missed = self.chance.sample(self.deck, len(self.deck)), []
        for number, blow in enumerate(self.chance.sample(self.blows, blows)):
            self._deal(blow)
            for fault in deck[number::blows]:
                if not self._act(fault, pace):
                    missed.append(fault)
        for fault in missed:  # where all is calm there is something to do it to
            self.heal()
            self._act(fault, pace)

    def heal(self) -> None:
        """All that was done is undone; waits until one leads and all follow."""
        deadline = time.monotonic() + HEALING
        self._due = [(0.0, undo) for _, undo in self._due]
        while self._due:
            self._undo_due()
            expect(time.monotonic() < deadline, f"not undone within {HEALING} s: {self._due}")
            time.sleep(0.02)
        self.machines.wait_until_calm(deadline - time.monotonic(), meanwhile=self._resume_if_paused)

    def _deal(self, blow: Callable) -> None:
        """Holds until another node leads, and takes writes."""
        self.heal()
        leader = self.machines.leader()
        self._wait_for_rows(leader, 20)
        undo = blow(leader)
        self.done[blow.__name__] = self.done.get(blow.__name__, 0) + 1
        deadline = time.monotonic() + TAKEOVER
        while self.machines.leader() in (None, leader):
            if time.monotonic() > deadline:
                raise Expectation(f"nobody took over within {TAKEOVER} s from {leader.name} after {blow.__name__}: "
                                  f"{self.machines.watch.record}, {brief(self.machines.peers.statuses())}")
            self._let_pass(0.02)
        self._wait_for_rows(self.machines.leader(), 5)
        self._later(0, 3, undo)  # both would be there, were the old one not fenced

    def _wait_for_rows(self, host: Host, rows: int) -> None:
        before = host.rows_told()
        wait_until(f"{host.name} takes writes", lambda: host.rows_told() >= before + rows, TAKEOVER)

    def _act(self, fault: Callable, pace: float) -> bool:
        """On another one, or later, when there was nothing to do it to. False: there never was."""
        for _ in range(TRIES):
            is_done = False
            with contextlib.suppress(*GONE):
                is_done = fault() is not False
            self._let_pass(self.chance.uniform(0.05, pace))
            if is_done:
                self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
                return True
        return False

    def _let_pass(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._undo_due()
            time.sleep(0.01)

    def _undo_due(self) -> None:
        """What is due; it is tried again until it neither fails nor answers False."""
        for entry in [entry for entry in self._due if entry[0] <= time.monotonic()]:
            self._due.remove(entry)
            try:
                is_undone = entry[1]() is not False
            except GONE:
                is_undone = False
            if not is_undone:
                self._due.append((time.monotonic() + RETRY, entry[1]))

    def _later(self, least: float, most: float, undo: Callable) -> None:
        self._due.append((time.monotonic() + self.chance.uniform(least, most), undo))

    def _any(self) -> Host:
        return self.hosts[self.chance.choice(NAMES)]

    def _leading(self) -> Host | None:
        return self.machines.leader()

    def _host_of_etcd_leader(self) -> Host | None:
        member = self.etcd.leader()
        return next((host for host in self.hosts.values() if host.member is member), None)

    # --- blows ---

    def corner_leader(self, leader: Host) -> Callable:
        """Cut off from all, in full health: its lease runs out while its application writes."""
        return self.networks.cut_off(leader.name).mend

    def corner_and_hang(self, leader: Host) -> Callable:
        """And its node hangs before it has fenced: its watchdog must kill it in time."""
        self._later(1.5, 4.2, lambda: leader.signal_node(signal.SIGSTOP) or None)
        return self.networks.cut_off(leader.name).mend

    def corner_in_transaction(self, leader: Host) -> Callable:
        """And its application stands still, often with its transaction open: --lease-kill must end it."""
        mend = self.networks.cut_off(leader.name).mend
        self._later(1, 3, lambda: leader.signal_application(signal.SIGSTOP) or None)

        def undo() -> None:
            leader.signal_application(signal.SIGCONT)
            mend()

        return undo

    def kill_leading_host(self, leader: Host) -> Callable:
        leader.power_off(loses_writes=self.chance.random() < 0.5)
        return leader.power_on

    def stop_leading_host(self, leader: Host) -> Callable:
        leader.freeze()
        return leader.go_on

    # --- kill -9 ---

    def kill_host(self) -> bool:
        host = self._any()
        self._later(0.5, 6, host.power_on)
        return host.power_off(loses_writes=self.chance.random() < 0.5)

    def black_out(self) -> None:
        """All of them at once."""
        for host in self.hosts.values():
            host.power_off(loses_writes=True)
            self._later(0.3, 2, host.power_on)

    def kill_node(self) -> bool:
        return self._any().kill_node()

    def kill_leading_node(self) -> bool:
        leader = self._leading()
        return leader is not None and leader.kill_node()

    def kill_member(self) -> bool:
        return self._kill_member_of(self._any())

    def kill_etcd_leader(self) -> bool:
        host = self._host_of_etcd_leader()
        return host is not None and self._kill_member_of(host)

    def _kill_member_of(self, host: Host) -> bool:
        self._later(0.2, 5, host.start_member)
        return host.kill_member()

    def kill_application(self) -> bool:
        return self._any().kill_application()

    # --- SIGSTOP ---

    def stop_node(self) -> bool:
        """Its watchdog kills it."""
        return self._stop(self._any().signal_node, 1, 4)

    def stop_node_briefly(self) -> bool:
        return self._stop(self._any().signal_node, 0.05, 0.3)

    def stop_member(self) -> bool:
        return self._stop(self._any().signal_member, 0.5, 5)

    def stop_etcd_leader(self) -> bool:
        host = self._host_of_etcd_leader()
        return host is not None and self._stop(host.signal_member, 0.5, 5)

    def stop_application(self) -> bool:
        """Often with its transaction open."""
        return self._stop((self._leading() or self._any()).signal_application, 0.5, 5)

    def _stop(self, send: Callable[[int], bool], least: float, most: float) -> bool:
        def go_on() -> None:
            send(signal.SIGCONT)

        self._later(least, most, go_on)
        return send(signal.SIGSTOP)

    def stop_host(self) -> bool:
        return self._freeze(self._any(), 1, 6)

    def stop_host_briefly(self) -> bool:
        return self._freeze(self._any(), 0.05, 0.3)

    def _freeze(self, host: Host, least: float, most: float) -> bool:
        self._later(least, most, host.go_on)
        return host.freeze()

    # --- partitions ---

    def part(self) -> None:
        self._later(0.5, 6, self.networks.cut(*self.chance.sample(NAMES, 2)).mend)

    def part_one_way(self) -> None:
        self._later(0.5, 6, self.networks.cut_one_way(*self.chance.sample(NAMES, 2)).mend)

    def isolate(self) -> None:
        self._later(1, 7, self.networks.cut_off(self.chance.choice(NAMES)).mend)

    def part_nodes(self) -> None:
        """The nodes alone; etcd is whole, and both reach it."""
        one, other = (self.hosts[name] for name in self.chance.sample(NAMES, 2))
        cut = self.networks.cut_ports(one.name, other.name, other.node.port, other.node.port + 1)
        cut += self.networks.cut_ports(other.name, one.name, one.node.port, one.node.port + 1)
        self._later(0.5, 7, cut.mend)

    def part_node_from_member(self) -> None:
        """A node from another host's etcd, in one direction."""
        one, other = (self.hosts[name] for name in self.chance.sample(NAMES, 2))
        self._later(0.5, 7, self.networks.cut_ports(one.name, other.name, other.member.client_port).mend)

    def part_node_from_own_member(self) -> None:
        host = self._any()
        self._later(0.5, 7, self.networks.cut_local(host.name, host.member.client_port).mend)

    def part_members(self) -> None:
        """Members of etcd alone; the nodes reach each other and all of them."""
        one, other = (self.hosts[name] for name in self.chance.sample(NAMES, 2))
        cut = self.networks.cut_ports(one.name, other.name, other.member.peer_port)
        cut += self.networks.cut_ports(other.name, one.name, one.member.peer_port)
        self._later(0.5, 6, cut.mend)

    # --- clocks and disks ---

    def jump_clock(self) -> None:
        host, seconds = self._any(), self.chance.choice((1, 7, DAY)) * self.chance.choice((-1, 1))
        host.clock.jump(seconds)
        if self.chance.random() < 0.5:
            self._later(0.5, 6, lambda: host.clock.jump(-seconds))

    def slow_disk(self) -> bool:
        return self._any().slow_disk(self.chance.uniform(0.5, 3))

    def freeze_disk(self) -> bool:
        return self._any().freeze_disk(self.chance.uniform(0.05, LONGEST_FREEZE))

    # --- what people do meanwhile ---

    def move(self) -> None:
        target = self._any()
        target.node.run("switchover", "--to", target.name, timeout=1.0)

    def pause_automatics(self) -> None:
        self._later(0.5, 3, self._resume_automatics)  # whatever became of the command
        self._any().node.run("pause", timeout=1.0)

    def _resume_if_paused(self) -> None:
        """A pause whose command was given up may be carried out after the resume that undid it."""
        with contextlib.suppress(*GONE, *NO_ANSWER):
            if self.machines.is_paused():
                self._resume_automatics()

    def _resume_automatics(self) -> bool:
        return any(host.node.is_running() and host.node.run("resume", timeout=2.0).returncode == 0
                   for host in self.hosts.values())


