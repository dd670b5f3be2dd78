"""Watches the leader's record in etcd for the judge of the nemesis: asks every member again and again,
through no code of the product. Each answer is what etcd's majority agreed on at some instant between the
question and the answer (a linearizable read).
"""

import base64
import contextlib
import http.client
import json
import threading
import time
from typing import Callable

from etcd import NO_ANSWER, Etcd, Member, base64_text
from lease_history import Poll

PERIOD = 0.03  # seconds
LIMIT = 1.0    # seconds that an answer is waited for


class LeaseWatch:
    """A thread for each member. `place`: called once by each, puts it where it can reach them all."""

    def __init__(self, etcd: Etcd, place: Callable[[], None], prefix: str = "/understudy"):
        self.key = f"{prefix}/leader"
        self._lock = threading.Lock()
        self._polls: list[Poll] = []
        self._latest: tuple[int, dict | None] = (0, None)
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(member, place), name=f"watch {member.name}")
                         for member in etcd.members]

    def __enter__(self) -> "LeaseWatch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    @property
    def polls(self) -> list[Poll]:
        with self._lock:
            return list(self._polls)

    @property
    def record(self) -> dict | None:
        """The newest that was seen."""
        with self._lock:
            return self._latest[1]

    def _watch(self, member: Member, place: Callable[[], None]) -> None:
        place()
        connection = http.client.HTTPConnection(member.host, member.client_port, timeout=LIMIT)
        body = json.dumps({"key": base64_text(self.key)})
        while not self._ending.wait(PERIOD):
            asked = time.monotonic()
            try:
                connection.request("POST", "/v3/kv/range", body)
                answer = connection.getresponse()
                said = json.loads(answer.read()) if answer.status == 200 else None
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                continue
            if said is not None:
                self._note(asked, time.monotonic(), said)

    def _note(self, asked: float, answered: float, said: dict) -> None:
        found = said.get("kvs", [{}])[0]
        revision = int(found.get("mod_revision", 0))
        with self._lock:
            self._polls.append(Poll(asked, answered, revision))
            if revision > self._latest[0]:
                self._latest = (revision, json.loads(base64.b64decode(found["value"])))


def all_records(etcd: Etcd, key: str) -> list[tuple[int, dict]]:
    """Every value that the key ever had, with its revision, by the first member that answers: etcd keeps
    them all, until it is told to compact."""
    for member in etcd.members:
        with contextlib.suppress(*NO_ANSWER):
            return _records_of(etcd, key, member)
    raise RuntimeError(f"no member of etcd tells the history of {key}")


def _records_of(etcd: Etcd, key: str, member: Member) -> list[tuple[int, dict]]:
    last = int(etcd.ask("/v3/kv/range", {"key": base64_text(key)}, member)["kvs"][0]["mod_revision"])
    wanted = {"create_request": {"key": base64_text(key), "start_revision": 1}}

    def events_of(message: dict) -> list[dict]:
        return message["result"].get("events", [])

    messages = etcd.ask_until("/v3/watch", wanted, lambda message: any(
        int(event["kv"]["mod_revision"]) >= last for event in events_of(message)), member)
    # An event without a value is a removal.
    return [(int(event["kv"]["mod_revision"]), json.loads(base64.b64decode(event["kv"]["value"])))
            for message in messages for event in events_of(message) if "value" in event["kv"]]
