"""Machines of a nemesis: each is a network namespace with a node, its application and a member of etcd,
a disk and a wall clock of its own, and a service manager that does what systemd does with the units of
deploy/: it restarts what died, ends the application with its node (BindsTo=), and kills a node that does
not feed its watchdog.
"""

import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
from typing import Callable

from etcd import Member
from harness import FOLDER, Node, die_with_parent
from lease_history import Excuse, Row, parse_journal
from namespaces import Cut, Networks
from slow_disk import SlowDisk
from wall_clock import WallClock

START_TIMEOUT = 30.0
# With a ttl of 5 s the margin is 1 s. Watchdog and the kill after it must fit into it.
WATCHDOG = 0.8
# What systemd takes to end a unit that is bound to one that was killed.
BOUND_END = (0.002, 0.05)
LOOK = 0.01


class Host:
    """`name` is that of the node, too. The service manager is a thread of its own; a fault takes the lock,
    and never waits for anything that a fault could hold up."""

    def __init__(self, node: Node, member: Member, networks: Networks, disk: SlowDisk, clock: WallClock,
                 application: list[str], chance: random.Random):
        self.node, self.member, self.disk, self.clock = node, member, disk, clock
        self.networks = networks
        self.name = node.name
        self.chance = random.Random(chance.random())
        folder = disk.folder.parent  # what is never slow
        self.journal = folder / f"journal-{self.name}"
        self.pid_file = folder / f"application-{self.name}.pid"
        self.excuses: list[Excuse] = []
        self.watchdog_kills = 0
        self.own_ends: list[int] = []  # exit codes of nodes that nobody killed
        self.is_off = False      # the whole machine
        self._loses_writes = False
        self.is_watched = True   # the watchdog and BindsTo= are there; off for a negative control
        self.runs_application = False
        self._application_command = application
        self._application: subprocess.Popen | None = None
        self._start_at: float | None = None  # the node is down until then
        self._frozen_at: float | None = None
        self._cable: Cut | None = None
        self._fed_at = time.monotonic() + START_TIMEOUT
        self._seen_at = 0.0      # the node ran then
        self._is_ready = False   # this run of the node has said so
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = folder / f"notify-{self.name}"
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        node.launcher = [*node.launcher, *clock.launcher, f"NOTIFY_SOCKET={path}",
                         f"WATCHDOG_USEC={int(WATCHDOG * 1e6)}"]
        self.lock = threading.RLock()
        self._ending = threading.Event()
        # Processes die with the thread that started them: this one stays until all are dead.
        self._manager = threading.Thread(target=self._manage, name=f"service manager {self.name}")

    # --- the service manager ---

    def begin(self) -> None:
        """Looks after the node from when it is first started."""
        self._manager.start()

    def end(self) -> None:
        """All of the machine's processes."""
        self.disk.thaw()
        with self.lock:
            self.is_off = True
            self._kill_all()
        self._ending.set()
        if self._manager.ident:
            self._manager.join()
        self._socket.close()

    def _manage(self) -> None:
        while not self._ending.wait(LOOK):
            with self.lock:
                self._look()

    def _look(self) -> None:
        if self.node.process is None or self.is_off or self._frozen_at is not None:
            return
        self._hear()
        now = time.monotonic()
        if not self.node.is_running():
            if self._is_bound():
                self._end_application(self._seen_at)
            if self._start_at is None:
                if self.node.exit_code != -signal.SIGKILL:
                    self.own_ends.append(self.node.exit_code)
                self._start_at = now + self.chance.uniform(0.1, 1.5)
            elif now >= self._start_at:
                self._start_node()
            return
        self._seen_at = now
        if self.is_watched and now - self._fed_at > WATCHDOG:
            self.watchdog_kills += 1
            self.kill_node()
        elif self._is_ready and self.runs_application and not self._is_application_running():
            # After its node is up, as After= has it: then a standby has its lock, and a primary its lease.
            self._start_application()

    def _is_bound(self) -> bool:
        return self.is_watched and self._is_application_running()

    def _hear(self) -> None:
        while True:
            try:
                said = self._socket.recv(4096).decode()
            except BlockingIOError:
                return
            self._is_ready = self._is_ready or "READY=1" in said
            if "WATCHDOG=1" in said or "READY=1" in said:
                self._fed_at = time.monotonic()
            elif "EXTEND_TIMEOUT" in said:  # a start may take its time, as TimeoutStartSec= lets it
                self._fed_at = time.monotonic() + START_TIMEOUT

    def _start_node(self) -> None:
        self._start_at = None
        self._hear()  # what the run before it said
        self._is_ready = False
        self._fed_at = time.monotonic() + START_TIMEOUT
        self.node.start()

    def _is_application_running(self) -> bool:
        return self._application is not None and self._application.poll() is None

    def _start_application(self) -> None:
        self._application = subprocess.Popen(
            [*self._application_command, str(self.node.database), "--journal", str(self.journal)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent, start_new_session=True)
        self.pid_file.write_text(str(self._application.pid))

    def _end_application(self, unguarded_since: float | None = None) -> None:
        if self._application:
            self._kill(self._application)
            self.pid_file.unlink(missing_ok=True)
            self._application = None
            if unguarded_since is not None:
                self.excuses.append(Excuse(self.name, unguarded_since, time.monotonic()))

    def _kill(self, process: subprocess.Popen | None) -> None:
        """Nobody dies while he waits for a frozen disk."""
        if process and process.poll() is None:
            self.disk.thaw()
            process.kill()
            process.wait()

    def _processes(self) -> list[subprocess.Popen]:
        all_of_them = (self._application, self.node.process, self.member.process)
        return [process for process in all_of_them if process and process.poll() is None]

    def _kill_all(self) -> None:
        self.disk.thaw()
        for process in self._processes():
            process.kill()
        for process in self._processes():
            process.wait()
        self._application = None
        self.pid_file.unlink(missing_ok=True)

    def rows_told(self) -> int:
        return self.journal.read_text().count("\ttold\n") if self.journal.exists() else 0

    def rows(self) -> list[Row]:
        """What its applications did so far."""
        return parse_journal(self.journal.read_text(), self.name) if self.journal.exists() else []

    # --- faults ---

    # Each answers whether there was anything to do it to.

    def kill_node(self) -> bool:
        """kill -9. The application goes with it, a few milliseconds later: as long nobody guards the
        database."""
        with self.lock:
            if not self.node.is_running():
                return False
            killed_at = time.monotonic()
            self._kill(self.node.process)
            time.sleep(self.chance.uniform(*BOUND_END))
            self._end_application(killed_at)
            return True

    def kill_application(self) -> bool:
        with self.lock:
            was_running = self._is_application_running()
            self._end_application()
            return was_running

    def start_writing(self) -> None:
        """From now on there is an application."""
        self.runs_application = True

    def stop_writing(self) -> None:
        """No application any more."""
        with self.lock:
            self.runs_application = False
            self._end_application()

    def kill_member(self) -> bool:
        with self.lock:
            was_running = self.member.is_running()
            self._kill(self.member.process)
            return was_running

    def start_member(self) -> None:
        with self.lock:
            if not self.is_off:
                self.member.start()

    def power_off(self, loses_writes: bool = False) -> bool:
        """Silently: no reset, no goodbye comes out of it. `loses_writes`: what was not on the disk by then
        never will be, as where the current is cut."""
        with self.lock:
            if self.is_off:
                return False
            self.is_off, self._loses_writes = True, loses_writes
            self._frozen_at = None
            self._cable = self.networks.cut_off(self.name)
            self._kill_all()
            if loses_writes:
                self.disk.cut()
            return True

    def power_on(self) -> None:
        with self.lock:
            if not self.is_off:
                return
            if self._loses_writes:
                self.disk.power_up()
            self._cable.mend()
            self.is_off = self._loses_writes = False
            self.member.start()
            self._start_node()

    def freeze(self) -> bool:
        """The whole machine stands still, its service manager, too."""
        with self.lock:
            if self.is_off or self._frozen_at is not None:
                return False
            self._frozen_at = time.monotonic()
            for process in self._processes():
                os.kill(process.pid, signal.SIGSTOP)
            return True

    def go_on(self) -> None:
        """What it was doing goes on before anybody looks at a watchdog: that time is excused, when the node
        had no processor for longer than is promised (half the margin)."""
        with self.lock:
            if self._frozen_at is None:
                return
            frozen_at, self._frozen_at = self._frozen_at, None
            for process in self._processes():
                os.kill(process.pid, signal.SIGCONT)
            self._look()
            if time.monotonic() - frozen_at > WATCHDOG / 2:
                self.excuses.append(Excuse(self.name, frozen_at, time.monotonic()))

    def freeze_disk(self, seconds: float) -> bool:
        with self.lock:
            return not self.is_off and self.disk.freeze(seconds)

    def slow_disk(self, seconds: float) -> bool:
        with self.lock:
            return not self.is_off and self.disk.be_slow(seconds)

    def signal_node(self, number: int) -> bool:
        return self._signal(lambda: self.node.process, number)

    def signal_application(self, number: int) -> bool:
        return self._signal(lambda: self._application, number)

    def signal_member(self, number: int) -> bool:
        return self._signal(lambda: self.member.process, number)

    def _signal(self, whom: Callable[[], subprocess.Popen | None], number: int) -> bool:
        with self.lock:
            process = whom()
            if self._frozen_at is not None or process is None or process.poll() is not None:
                return False
            os.kill(process.pid, number)
            return True


def application_command(extension: pathlib.Path | None, python: str, may_degrade: bool) -> list[str]:
    command = [python, str(FOLDER / "lease_application.py")]
    if extension:
        command += ["--extension", str(extension)]
    return command + ["--may-degrade"] * may_degrade
