"""Machines of a nemesis: each is a network namespace with a node, its application and a member of etcd,
and a service manager that does what systemd does with the units of deploy/: it restarts what died, ends
the application with its node (BindsTo=), and kills a node that does not feed its watchdog.
"""

import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

from etcd import Etcd, Member
from harness import FOLDER, Node, die_with_parent

START_TIMEOUT = 30.0
WATCHDOG = 2.0  # seconds; less than what is left of a ttl of 5 s when the last renewal was sent


class Host:
    """`name` is that of the node, too."""

    def __init__(self, node: Node, member: Member, folder: pathlib.Path, application: list[str],
                 chance: random.Random):
        self.node, self.member, self.chance = node, member, chance
        self.name = node.name
        self.journal = folder / f"journal-{node.name}"
        self._application_command = application
        self._application: subprocess.Popen | None = None
        self._start_at: float | None = None  # the node is down until then
        self.is_off = False                  # the whole machine
        self._fed_at = 0.0
        self._is_ready = False  # this run of the node has said so
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = folder / f"notify-{node.name}"
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        node.launcher = [*node.launcher, "env", f"NOTIFY_SOCKET={path}",
                         f"WATCHDOG_USEC={int(WATCHDOG * 1e6)}"]
        self.watchdog_kills = 0

    # --- the service manager ---

    def look(self) -> None:
        """Called all the time."""
        if self.is_off:
            return
        self._hear()
        if not self.node.is_running():
            self._end_application()
            if self._start_at is None:
                self._start_at = time.monotonic() + self.chance.uniform(0.1, 1.5)
            elif time.monotonic() >= self._start_at:
                self.start_node()
            return
        if time.monotonic() - self._fed_at > WATCHDOG:
            self.watchdog_kills += 1
            self.kill_node()
            return
        if self._application is None or self._application.poll() is not None:
            self._start_application()

    def _hear(self) -> None:
        while True:
            try:
                said = self._socket.recv(4096).decode()
            except BlockingIOError:
                return
            # A start may take its time, as TimeoutStartSec= lets it.
            self._is_ready = self._is_ready or "READY=1" in said
            if "WATCHDOG=1" in said or "READY=1" in said:
                self._fed_at = time.monotonic()
            elif "EXTEND_TIMEOUT" in said:
                self._fed_at = time.monotonic() + START_TIMEOUT

    def start_node(self) -> None:
        self._start_at = None
        self._hear()  # what the run before it said
        self._is_ready = False
        self._fed_at = time.monotonic() + START_TIMEOUT
        self.node.start()

    def _start_application(self) -> None:
        # After its node is up, as After= has it: then a standby has its lock, and a primary its lease.
        if self._is_ready:
            self._application = subprocess.Popen(
                [*self._application_command, str(self.node.database), "--journal", str(self.journal)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent, start_new_session=True)

    def _end_application(self) -> None:
        if self._application and self._application.poll() is None:
            self._application.kill()
            self._application.wait()
        self._application = None

    # --- faults ---

    def kill_node(self) -> None:
        """And the application with it: first that, for systemd is not slower than a kill."""
        self._end_application()
        self.node.kill()

    def kill_application(self) -> None:
        self._end_application()

    def power_off(self) -> None:
        self.is_off = True
        for process in (self._application, self.node.process, self.member.process):
            if process and process.poll() is None:
                process.kill()
        for process in (self._application, self.node.process, self.member.process):
            if process:
                process.wait()
        self._application = None

    def power_on(self) -> None:
        if not self.is_off:
            return
        self.is_off = False
        self.member.start()
        self.start_node()

    def pause_node(self) -> None:
        if self.node.is_running():
            os.kill(self.node.pid, signal.SIGSTOP)

    def resume_node(self) -> None:
        if self.node.is_running():
            os.kill(self.node.pid, signal.SIGCONT)

    def end(self) -> None:
        self._end_application()
        self._socket.close()


def application_command(extension: pathlib.Path | None, python: str = sys.executable) -> list[str]:
    command = [python, str(FOLDER / "lease_application.py")]
    return command + (["--extension", str(extension)] if extension else [])


def places(networks, names: str) -> list[tuple[str, list[str]]]:
    """Where the members of etcd run: one beside each node."""
    return [(networks.host(name), networks.launcher(name)) for name in names]


__all__ = ["Etcd", "Host", "WATCHDOG", "application_command", "places"]
