"""Visitors of the chat, on a machine of their own: they know the balancer's address and nothing else.

Each posts messages with tokens of its own and repeats a request, with the same token, until it is told 201: only
then the message counts as acknowledged and goes to the journal. Now and then it reads its own message back with the
position that the POST answered, wherever the balancer sends it.

usage: visitors.py ADDRESS --journal FILE [--visitors 4] [--rate 40]
Runs until SIGTERM, then prints counts as key=number.
"""

import argparse
import collections
import contextlib
import http.client
import json
import queue
import signal
import sys
import threading
import time

POSITION = "X-Understudy-Position"
PAUSE = 0.05  # seconds after an answer that says: not now


class Connection:
    """To the balancer, opened anew whenever it broke. Of one thread."""

    def __init__(self, address: str):
        self._address = address
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None):
        """Status, headers and body; status 0: nobody answered."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._address, timeout=20)
            self._connection.request(method, path, body, headers or {})
            answer = self._connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return 0, {}, b""


class Writer(threading.Thread):
    def __init__(self, number: int, chosen: argparse.Namespace, journal, to_read: queue.Queue, stop: threading.Event):
        super().__init__()
        self.counts: collections.Counter[str] = collections.Counter()
        self._number = number
        self._pause = 1 / chosen.rate
        self._connection = Connection(chosen.address)
        self._journal = journal
        self._to_read = to_read
        self._stop_all = stop

    def run(self) -> None:
        for serial in range(1, 1_000_000):
            if self._stop_all.is_set():
                break
            began = time.monotonic()
            self.post(f"v{self._number}-{serial}")
            self._stop_all.wait(max(0.0, self._pause - (time.monotonic() - began)))

    def post(self, token: str) -> None:
        """Until it is acknowledged, or the story ends."""
        body = json.dumps({"token": token, "room": "lobby", "author": f"visitor {self._number}", "body": f"hello {token}"})
        while not self._stop_all.is_set():
            code, headers, text = self._connection.ask("POST", "/messages", body)
            if code == 201:
                self._journal.write(f"{token}\t{time.monotonic():.3f}\t{headers['X-Served-By']}\n")
                self.counts["acknowledged"] += 1
                with contextlib.suppress(queue.Full):  # the reader looks at as many as it can
                    self._to_read.put_nowait((token, json.loads(text)["id"], headers.get(POSITION, "")))
                return
            self.counts[f"post_{code}"] += 1
            self._stop_all.wait(PAUSE)


class Reader(threading.Thread):
    """Reads back what its visitor wrote: whoever answers 200 must have it, that is what the position is for."""

    def __init__(self, chosen: argparse.Namespace, to_read: queue.Queue, stop: threading.Event):
        super().__init__()
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        self._connection = Connection(chosen.address)
        self._to_read = to_read
        self._stop_all = stop

    def run(self) -> None:
        while not self._stop_all.is_set():
            with contextlib.suppress(queue.Empty):
                self.read_back(*self._to_read.get(timeout=0.1))

    def read_back(self, token: str, number: int, position: str) -> None:
        code, headers, text = self._connection.ask("GET", f"/messages?after={number - 1}&limit=1", None, {POSITION: position})
        if code != 200:
            self.counts[f"get_{code}"] += 1
            return
        self.counts["read_back"] += 1
        self.counts[f"served_by_{headers['X-Served-By']}"] += 1
        found = json.loads(text)["messages"]
        if not found or found[0]["token"] != token:
            self.wrong.append(f"{headers['X-Served-By']} does not show {token} at {position}: {found}")


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("address")
    options.add_argument("--journal", required=True)
    options.add_argument("--visitors", type=int, default=4)
    options.add_argument("--rate", type=float, default=40, help="messages a second, each")
    chosen = options.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with open(chosen.journal, "a", buffering=1, encoding="utf-8") as journal:
        writers, readers = [], []
        for number in range(chosen.visitors):
            to_read: queue.Queue = queue.Queue(maxsize=4)
            writers.append(Writer(number, chosen, journal, to_read, stop))
            readers.append(Reader(chosen, to_read, stop))
        for thread in (*writers, *readers):
            thread.start()
        for thread in (*writers, *readers):
            thread.join()
    counts = sum((thread.counts for thread in (*writers, *readers)), collections.Counter())
    print(" ".join(f"{key}={number}" for key, number in sorted(counts.items())))
    wrong = [line for reader in readers for line in reader.wrong]
    if wrong:
        print("\n".join(wrong[:5]), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
