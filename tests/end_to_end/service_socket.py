"""The service manager's end of sd_notify: a datagram socket, on which a node says READY=1 and the like."""

import pathlib
import socket
import time

from harness import Expectation, Node


class ServiceSocket:
    """Hears one node. A context manager; `listen_to(node)` before the node is started."""

    def __init__(self, folder: pathlib.Path):
        self.path = folder / "notify.sock"
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def __enter__(self) -> "ServiceSocket":
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def listen_to(self, node: Node, watchdog_seconds: int = 0) -> Node:
        node.launcher = ["env", f"NOTIFY_SOCKET={self.path}"]
        if watchdog_seconds:
            node.launcher.append(f"WATCHDOG_USEC={watchdog_seconds * 1_000_000}")
        return node

    def take_waiting(self) -> list[str]:
        """What has come and was not taken yet."""
        taken: list[str] = []
        self._socket.setblocking(False)
        while True:
            try:
                taken += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                self.heard += taken
                return taken

    def wait_for(self, word: str, timeout: float = 30) -> None:
        """Until the node says exactly that, at once when it does."""
        deadline = time.monotonic() + timeout
        while True:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                lines = self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                raise Expectation(f"no {word} within {timeout} s; heard: {self.heard[-20:]}") from None
            self.heard += lines
            if word in lines:
                return
