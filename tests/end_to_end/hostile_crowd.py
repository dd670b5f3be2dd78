"""Hostile clients of an HTTP port, for tests and, as a program, for the benchmark: PORT, until it is killed."""

import os
import socket
import sys
import threading
import time


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


class Crowd:
    """Clients that misbehave in one way, over and over, in threads, until the end."""

    def __init__(self, port, *ways, threads=4):
        self.port, self.attacks = port, 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(way,))
                         for way in ways for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, way):
        while not self._stop.is_set():
            try:
                way(self)
            except OSError:
                pass
            self.attacks += 1

    @classmethod
    def all_ways(cls):
        return (cls.drip, cls.say_nothing, cls.endless_head, cls.endless_body, cls.never_read, cls.garbage)

    def is_over(self):
        return self._stop.is_set()

    # --- the ways ---

    def drip(self):
        """A head, byte by byte, that never ends; from many sockets at once."""
        clients = []
        try:
            for _ in range(40):
                clients.append(connect(self.port))
            for byte in b"GET /status HTTP/1.1\r\nX-Drip: " + b"a" * 200:
                for client in clients:
                    client.send(bytes([byte]))
                if self._stop.wait(0.05):
                    return
        finally:
            for client in clients:
                client.close()

    def say_nothing(self):
        clients = [connect(self.port) for _ in range(60)]
        self._stop.wait(1)
        for client in clients:
            client.close()

    def endless_head(self):
        with connect(self.port) as client:
            client.send(b"GET / HTTP/1.1\r\n")
            while not self.is_over():
                client.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")

    def endless_body(self):
        with connect(self.port) as client:
            client.send(b"POST /fence HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.is_over():
                client.sendall(b"400\r\n" + b"z" * 1024 + b"\r\n")

    def never_read(self):
        """Asks for the events and for much else, and takes nothing."""
        with connect(self.port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.send(b"GET /events HTTP/1.1\r\n\r\n")
            self._stop.wait(1)

    def garbage(self):
        with connect(self.port) as client:
            client.sendall(os.urandom(3000) + b"\r\n\r\n")
            client.recv(1000)


if __name__ == "__main__":
    with Crowd(int(sys.argv[1]), *Crowd.all_ways(), threads=2):
        while True:
            time.sleep(3600)
