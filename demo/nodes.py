"""Nodes: `understudy publish` and `understudy subscribe` as processes that can be started, killed,
stopped and asked. The demo and the end-to-end tests both stand on it.

A node's process dies with the Python that started it, unless it was started with `outlives=True`.
"""

import ctypes
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_claimed_ports: list[socket.socket] = []  # keep others of us off while nobody listens there


def die_with_parent() -> None:
    """Runs in the child, before exec: the kernel kills it when its parent ends, however it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A loopback port that is free together with the next one (live stream and requests). Not of
    those that the kernel gives to outgoing connections: one of these would sooner or later sit on it
    while its node is down, or, being a node's that waits for this one, connect to itself.
    """
    while True:
        port = 2 * random.randrange(5_000, 16_000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as first, socket.socket() as second:
            try:
                claim.bind(f"\0understudy-port-{port}")
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                claim.close()
                continue
        _claimed_ports.append(claim)
        return port


class NodeFailed(Exception):
    """A node did not do what it must; says which and shows the end of its log."""


class Node:
    """One publisher or standby. `name` is for people; the log is <folder>/<name>.log."""

    def __init__(self, program: str, name: str, database: pathlib.Path, outlives: bool = False):
        self.program = program
        self.name = name
        self.database = database
        self.log_path = database.parent / f"{name}.log"
        self.host = "127.0.0.1"
        self.port = free_port()
        self.launcher: list[str] = []  # before the program: in which network it runs
        self.arguments: list[str] = []
        self.process: subprocess.Popen | None = None
        self.exit_code: int | None = None
        self._outlives = outlives

    @classmethod
    def publisher(cls, program, name, database, *options, outlives=False) -> "Node":
        node = cls(program, name, database, outlives)
        node.arguments = ["publish", str(database), "--listen", node.address, *options]
        return node

    @classmethod
    def standby(cls, program, name, database, source: "Node | str", *options,
                outlives=False) -> "Node":
        node = cls(program, name, database, outlives)
        address = source if isinstance(source, str) else source.address
        node.arguments = ["subscribe", str(database), "--from", address, "--listen", node.address,
                          *options]
        return node

    @classmethod
    def cluster(cls, program, databases: dict[str, pathlib.Path], *options, outlives=False) -> "list[Node]":
        """Nodes that know each other by --peers. The first one is to publish, the others subscribe;
        that counts only while a node has no state: later it is what its log says."""
        nodes = [cls(program, name, database, outlives) for name, database in databases.items()]
        peers = ",".join(node.address for node in nodes)
        for node in nodes:
            command = "publish" if node is nodes[0] else "subscribe"
            node.arguments = [command, str(node.database), "--node", node.name, "--listen",
                              node.address, "--peers", peers, *options]
        return nodes

    @property
    def address(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def state_folder(self) -> pathlib.Path:
        return pathlib.Path(f"{self.database}-understudy")

    def start(self) -> "Node":
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, self.program, *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=None if self._outlives else die_with_parent,
                start_new_session=True)  # Ctrl-C is for the one who conducts
        self.exit_code = None
        return self

    def is_running(self) -> bool:
        if self.process is None:
            return False
        ended = self.process.poll()
        if ended is not None:
            self.exit_code = ended
        return ended is None

    def kill(self) -> None:
        """kill -9, at once."""
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, timeout: float = 15) -> int:
        """SIGTERM, and the exit code. A node that does not end in time is killed and reported."""
        if not self.is_running():
            return self.exit_code if self.exit_code is not None else 0
        self.process.terminate()
        try:
            self.exit_code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure(f"did not end within {timeout} s of SIGTERM") from None
        return self.exit_code

    def run(self, command: str, *options: str, timeout: float = 60) -> subprocess.CompletedProcess:
        """Runs `understudy COMMAND DATABASE options…` to its end."""
        return subprocess.run([self.program, command, str(self.database), *options],
                              capture_output=True, text=True, timeout=timeout, check=False)

    def status(self) -> dict | None:
        """What `status --json` says; None while the node does not answer."""
        try:
            answer = self.run("status", "--json", timeout=5)
            return json.loads(answer.stdout) if answer.returncode == 0 else None
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return None

    def seq(self) -> int:
        """Its seq; -1 while it has none or does not answer."""
        status = self.status() or {}
        return status.get("seq", -1)

    def wait_until(self, what: str, reached, timeout: float = 30):
        """Polls the status until `reached(status)`; returns that status."""
        deadline = time.monotonic() + timeout
        while True:
            if not self.is_running():
                raise self.failure(f"ended with {self.exit_code} while waiting until {what}")
            status = self.status()
            if status is not None and reached(status):
                return status
            if time.monotonic() > deadline:
                raise self.failure(f"not {what} within {timeout} s; last status: {status}")
            time.sleep(0.02)

    def wait_for_seq(self, seq: int, timeout: float = 30) -> dict:
        return self.wait_until(f"at seq {seq}", lambda status: status["seq"] >= seq, timeout)

    def wait_for_state(self, state: str, timeout: float = 30) -> dict:
        return self.wait_until(state, lambda status: status["state"] == state, timeout)

    def log_text(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def failure(self, why: str) -> NodeFailed:
        tail = "\n".join(self.log_text().splitlines()[-30:])
        return NodeFailed(f"{self.name}: {why}\n--- {self.log_path.name}\n{tail}")
