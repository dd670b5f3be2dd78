"""A bad network: TCP proxies between a standby and whom it follows, whose behaviour can be changed at
any time: delays, cuts, silence with the connections kept open, silence in one direction, garbage.
"""

import os
import selectors
import socket
import threading
import time

PIECE = 1 << 16


class Direction:
    """Bytes on their way from one socket to another, each piece with the time it may leave."""

    def __init__(self, source: socket.socket, target: socket.socket, up: bool):
        self.source, self.target, self.up = source, target, up
        self.waiting: list[tuple[float, bytes]] = []


class Network:
    """Forwards two neighbouring ports to those of a node. One thread; the fields below are its faults."""

    def __init__(self, node_port: int, port: int):
        self.port = port
        self.delay = 0.0        # seconds, in each direction
        self.refuses = False    # new connections are closed at once
        self.silent_up = False    # what the standby sends stays away; nothing is closed
        self.silent_down = False  # what the other side sends stays away
        self.garbage = 0        # so many of the next pieces are followed by random bytes
        self.bytes_forwarded = 0
        self._directions: list[Direction] = []
        self._lock = threading.Lock()
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._listeners = []
        for offset in (0, 1):
            listener = socket.create_server(("127.0.0.1", port + offset))
            self._listeners.append(listener)
            self._selector.register(listener, selectors.EVENT_READ, node_port + offset)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Closes all connections; new ones are as `refuses` says."""
        with self._lock:
            for direction in list(self._directions):
                self._close(direction)

    def heal(self) -> None:
        """Connections that lost bytes in the silence cannot go on: TCP would have closed them too."""
        lost = self.silent_up or self.silent_down
        self.delay, self.refuses, self.silent_up, self.silent_down, self.garbage = 0.0, False, False, False, 0
        if lost:
            self.cut()

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self.cut()
        for listener in self._listeners:
            listener.close()

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.002):
                with self._lock:
                    if isinstance(key.data, int):
                        self._accept(key.fileobj, key.data)
                    elif key.data in self._directions:
                        self._receive(key.data)
            with self._lock:
                for direction in list(self._directions):
                    self._send(direction)

    def _accept(self, listener: socket.socket, target_port: int) -> None:
        standby, _ = listener.accept()
        try:
            if self.refuses:
                raise OSError
            other = socket.create_connection(("127.0.0.1", target_port))
        except OSError:
            standby.close()
            return
        for direction in (Direction(standby, other, True), Direction(other, standby, False)):
            direction.source.setblocking(False)
            self._directions.append(direction)
            self._selector.register(direction.source, selectors.EVENT_READ, direction)

    def _receive(self, direction: Direction) -> None:
        if sum(len(piece) for _, piece in direction.waiting) > 64 * PIECE:
            time.sleep(0.001)
            return
        try:
            piece = direction.source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._close(direction)
        elif not (self.silent_up if direction.up else self.silent_down):
            if self.garbage:
                self.garbage -= 1
                piece += os.urandom(200)
            direction.waiting.append((time.monotonic() + self.delay, piece))

    def _send(self, direction: Direction) -> None:
        while direction.waiting and direction.waiting[0][0] <= time.monotonic():
            due, piece = direction.waiting[0]
            try:
                sent = direction.target.send(piece)
            except BlockingIOError:
                return
            except OSError:
                self._close(direction)
                return
            self.bytes_forwarded += sent
            if sent == len(piece):
                direction.waiting.pop(0)
            else:
                direction.waiting[0] = (due, piece[sent:])

    def _close(self, direction: Direction) -> None:
        for one in [each for each in self._directions
                    if {each.source, each.target} == {direction.source, direction.target}]:
            self._directions.remove(one)
            self._selector.unregister(one.source)
        direction.source.close()
        direction.target.close()
