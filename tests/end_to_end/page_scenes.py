"""Scenes for the page: clusters as /cluster, /status and /events tell them, made up, with time going on in them."""

import dataclasses
import math
import time
from typing import Callable

STREAM = "5f0c2a9e417bd386aa10c4de93b7f281"


def rfc3339(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def wobble(seed: float, at: float) -> float:
    """Between 0 and 1, smooth, and the same for the same moment."""
    return 0.5 + 0.25 * math.sin(at / 3.1 + seed) + 0.15 * math.sin(at / 1.3 + 2 * seed) + 0.1 * math.sin(at / 0.7 + 5 * seed)


def usual_lag(seed: float) -> Callable[[float], float]:
    return lambda at: 0.002 + 0.004 * wobble(seed, at) + (0.03 if (at + 17 * seed) % 41 < 2 else 0)


@dataclasses.dataclass
class Actor:
    """One node. `lag(at)`: seconds behind at that moment; `silent_since` seconds ago, or None."""
    name: str
    role: str = "standby"
    state: str = "streaming"
    epoch: int = 4
    lag: Callable[[float], float] = dataclasses.field(default_factory=lambda: usual_lag(1.0))
    silent_for: float | None = None
    is_fenced: bool = False
    is_peer: bool = True


@dataclasses.dataclass
class Scene:
    """`seen_from` is the node that serves the page. Its rate is the writers', in transactions a second."""
    actors: list[Actor]
    seen_from: str
    rate: Callable[[float], float] = lambda at: 340 + 160 * wobble(7.0, at / 4)
    warnings: list[str] = dataclasses.field(default_factory=list)
    last_error: str | None = None
    history: list[tuple[str, float, str]] = dataclasses.field(default_factory=list)  # node, seconds ago, reason
    log: list[tuple[float, str, str, str, dict]] = dataclasses.field(default_factory=list)  # seconds ago, level, …
    database: str = "/srv/chat/app.db"
    snapshot_age: float | None = 3.2 * 3600
    archive: dict | None = None
    sync: dict | None = None
    begun_at: float = dataclasses.field(default_factory=time.time)

    def seq_at(self, at: float) -> int:
        """Of the primary; goes on with the clock, and stands still where nobody leads."""
        moment = at - self.begun_at
        if not self.leaders():
            moment = min(moment, -self.lost_for())
        return 1_284_301 + int(moment * 410 + 60 * wobble(3.0, moment / 4))

    def leaders(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.role == "primary" and actor.silent_for is None]

    def lost_for(self) -> float:
        return max((actor.silent_for or 0 for actor in self.actors if actor.role == "primary"), default=0)

    def silence(self, actor: Actor, now: float) -> float | None:
        return None if actor.silent_for is None else actor.silent_for + now - self.begun_at

    def lag_of(self, actor: Actor, at: float) -> float:
        return 0.0 if actor.role == "primary" else actor.lag(at - self.begun_at)

    def seq_of(self, actor: Actor, now: float) -> int:
        known_at = now if actor.silent_for is None else self.begun_at - actor.silent_for
        return self.seq_at(known_at) - self.transactions_behind(actor, known_at)

    def transactions_behind(self, actor: Actor, at: float) -> int:
        return int(self.lag_of(actor, at) * self.rate(at)) if actor.role != "primary" else 0

    def member(self, actor: Actor, number: int, now: float) -> dict:
        behind = self.transactions_behind(actor, now)
        standby = actor.role == "standby"
        return {
            "node": actor.name, "endpoint": f"tcp://10.0.0.{number + 1}:7600", "is_self": actor.name == self.seen_from,
            "role": actor.role, "state": actor.state, "epoch": actor.epoch, "seq": self.seq_of(actor, now),
            "applied_seq": self.seq_of(actor, now), "followed": None, "is_fenced": actor.is_fenced,
            "silent_seconds": self.silence(actor, now), "lag_transactions": behind if standby else None,
            "lag_seconds": self.lag_of(actor, now) if standby else None, "lag_bytes": behind * 912 if standby else None}

    def cluster(self) -> dict:
        now = time.time()
        leaders = self.leaders()
        return {
            "stream_id": STREAM, "epoch": max(actor.epoch for actor in self.actors),
            "primary": leaders[0].name if len(leaders) == 1 else None, "self": self.seen_from,
            "members": [self.member(actor, number, now) for number, actor in enumerate(self.actors)
                        if actor.is_peer],
            "history": [{"epoch": number + 1, "node": node, "first_seq": max(1, int(1_284_301 - ago * 1.2)),
                         "state_sum": "00c0ffee41d08a7b", "time": rfc3339(self.begun_at - ago), "reason": reason}
                        for number, (node, ago, reason) in enumerate(self.history)]}

    def status(self) -> dict:
        now = time.time()
        own = next(actor for actor in self.actors if actor.name == self.seen_from)
        seq = self.seq_of(own, now)
        status = {
            "node": own.name, "role": own.role, "state": own.state, "stream_id": STREAM, "epoch": own.epoch, "seq": seq,
            "state_sum": f"{(seq * 0x9E3779B97F4A7C15) % 2**64:016x}",
            "backend": {"first_seq": 402_118, "last_seq": seq, "bytes": 838_860_800 + seq * 7},
            "snapshot": None if self.snapshot_age is None else {
                "seq": 1_201_440, "time": rfc3339(self.begun_at - self.snapshot_age), "bytes": 61_341_221},
            "snapshot_progress": None, "standbys": [], "database": self.database,
            "state_dir": f"{self.database}-understudy", "listen": "tcp://10.0.0.1:7600", "version": "0.1.0", "pid": 4711,
            "uptime_seconds": 190_000.0 + now - self.begun_at, "last_error": self.last_error, "warnings": self.warnings}
        if self.archive:
            status["archive"] = self.archive
        if self.sync and own.role == "primary":
            status["sync"] = self.sync
        return status | (self.primary_part(own, seq, now) if own.role == "primary" else self.standby_part(own, seq, now))

    def primary_part(self, own: Actor, seq: int, now: float) -> dict:
        return {"standbys": [
            {"name": actor.name, "state": actor.state, "received_seq": self.seq_of(actor, now) + 2,
             "durable_seq": self.seq_of(actor, now) + 1, "applied_seq": self.seq_of(actor, now),
             "lag_seconds": self.lag_of(actor, now)}
            for actor in self.actors if actor is not own and actor.role == "standby" and actor.silent_for is None],
            "wal": {"state": "hold", "frames": 412, "resets": 96, "windows": 310, "windows_missed": 2, "checkpoints": 40,
                    "lock_grabs": 96}}

    def standby_part(self, own: Actor, seq: int, now: float) -> dict:
        behind = self.transactions_behind(own, now)
        return {"from": [f"tcp://10.0.0.{number + 1}:7600" for number in range(len(self.actors))],
                "received_seq": seq + min(2, behind), "durable_seq": seq + min(1, behind), "applied_seq": seq,
                "primary_seq": seq + behind, "lag_seconds": self.lag_of(own, now), "lag_transactions": behind}

    def events(self) -> list[dict]:
        return [{"time": rfc3339(self.begun_at - ago), "level": level, "event": event, "message": message, **fields}
                for ago, level, event, message, fields in sorted(self.log, key=lambda one: -one[0])]

    def past(self, seconds: int = 290) -> dict:
        """What the page would have sampled before it was opened, in the form in which it keeps it over a reload."""
        moments = [self.begun_at - ago for ago in range(seconds, 0, -1)]
        silent = {actor.name: actor.silent_for or 0 for actor in self.actors if actor.silent_for is not None}

        def sample(actor, at):
            known = actor.role == "standby" and self.begun_at - at > silent.get(actor.name, 0)
            return {"at": at * 1000, "lag": self.lag_of(actor, at) if known else None,
                    "behind": self.transactions_behind(actor, at) if known else None}

        is_led = [bool(self.leaders()) or self.begun_at - at > self.lost_for() for at in moments]
        return {"nodes": [[actor.name, [sample(actor, at) for at in moments]] for actor in self.actors],
                "rates": [{"at": at * 1000, "rate": self.rate(at - self.begun_at) if led else 0, "seq": self.seq_at(at),
                           "by": (self.leaders() or self.actors)[0].name} for at, led in
                          zip(moments, is_led)]}


HISTORY = [("a", 12 * 86400, "created"), ("b", 6.1 * 86400, "promoted: a was lost"),
           ("c", 2.2 * 86400, "switchover from b"), ("a", 51_000, "switchover from c")]
LOG = [
    (190_000, "info", "node_started", "standby a", {"pid": 4711, "database": "/srv/chat/app.db"}),
    (51_050, "info", "follow", "catching up from 1201440", {"peer": "c"}),
    (51_000, "warning", "promoted", "this node leads from here on", {"epoch": 4, "seq": 825_301, "reason": "switchover from c"}),
    (50_990, "info", "publishing", "records are captured and served", {"seq": 825_301}),
    (50_980, "info", "peer", "b follows", {"peer": "b"}),
    (50_970, "info", "peer", "c follows", {"peer": "c"}),
    (11_520, "info", "snapshot_taken", "of 1201440 in 1.9 s", {"seq": 1_201_440, "bytes": 61_341_221}),
]


def trio(**changes) -> list[Actor]:
    return [Actor("a", "primary", "publishing"), Actor("b", lag=usual_lag(1.0)), Actor("c", lag=usual_lag(2.3), **changes)]


def healthy() -> Scene:
    return Scene(trio(), "a", history=HISTORY, log=LOG)


def lagging() -> Scene:
    late = trio(state="catching_up")
    late[2].lag = lambda at: max(0.004, min(38.0, 1.1 * (at + 80) / 2.2)) if at < 0 else 38.0 + at / 3
    return Scene(late, "a", history=HISTORY, log=LOG + [
        (80, "warning", "follow", "the queue of applies grows", {"peer": "c", "behind": 8_000})])


def primary_lost() -> Scene:
    actors = trio()
    actors[0].silent_for = 14.0
    return Scene(actors, "b", history=HISTORY, log=LOG + [
        (14, "error", "peer", "a is silent", {"peer": "a"}),
        (13, "warning", "follow", "no primary: asking the peers", {})])


def forked() -> Scene:
    actors = [Actor("a", "primary", "publishing", 5), Actor("b", "primary", "publishing", 5), Actor("c", epoch=5)]
    return Scene(actors, "c", history=HISTORY + [("b", 34, "promoted --force: a was cut off")],
                 warnings=["a and b both opened epoch 5: see the runbook \"A fork\""],
                 log=LOG + [(34, "error", "forked", "two nodes opened epoch 5", {"epoch": 5, "peers": "a b"})])


def single() -> Scene:
    return Scene([Actor("solo", "primary", "publishing", 1)], "solo", history=[("solo", 4000, "created")],
                 log=LOG[:1], snapshot_age=3_900.0)


def readers() -> Scene:
    """A primary without --peers, and standbys that only it knows."""
    actors = [Actor("solo", "primary", "publishing", 1), Actor("reports", epoch=1, is_peer=False),
              Actor("search", state="stopped", epoch=1, is_peer=False, lag=lambda at: 90.0 + at)]
    return Scene(actors, "solo", history=[("solo", 400_000, "created")], log=LOG[:1])


def warned() -> Scene:
    actors = trio()
    actors[0].is_fenced = True
    return Scene(actors, "a", history=HISTORY, snapshot_age=4.4 * 86400,
                 sync={"wanted": 1, "heard": 0, "is_degraded": True},
                 warnings=["commits no longer wait: 0 of 1 standbys have them (--when-unreplicated degrade)"],
                 last_error="cannot write /mnt/archive/0000000001284000.records: No space left on device",
                 archive={"directory": "/mnt/archive", "last_seq": 1_201_440, "behind_transactions": 82_861,
                          "last_error": "No space left on device"},
                 log=LOG + [(9, "error", "sync_degraded", "commits no longer wait for standbys", {"wanted": 1, "have": 0})])


def long_names() -> Scene:
    names = [f"db-{region}-production-chat-rack-{number:02d}.storage.example.net" for number, region in
             enumerate(("frankfurt", "helsinki", "nuremberg"), 11)]
    actors = [dataclasses.replace(actor, name=name) for actor, name in zip(trio(), names)]
    history = [(names["abc".index(node)], ago, f"{reason}, asked for by the operator in the maintenance window")
               for node, ago, reason in HISTORY]
    return Scene(actors, names[0], history=history, database="/srv/tenants/0192-production/chat/messages-and-attachments.sqlite3",
                 log=LOG + [(5, "warning", "snapshot_failed", "cannot write " + "/very/long/path" * 12, {"peer": names[1]})])


def eight_nodes() -> Scene:
    actors = [Actor("node-1", "primary", "publishing")] + [
        Actor(f"node-{number}", lag=usual_lag(number * 0.7)) for number in range(2, 9)]
    actors[4].state = "resyncing"
    actors[4].lag = lambda at: 2.0 + wobble(1, at)
    actors[6].silent_for = 310.0
    history = [(f"node-{1 + number % 8}", 40_000 - 600 * number, "switchover") for number in range(33)]
    return Scene([*actors], "node-1", history=history, log=LOG)


def starting() -> Scene:
    """A node that has just begun: nothing is known yet."""
    scene = Scene([Actor("a", "none", "starting", 0), Actor("", "none", "", 0, silent_for=3.0)], "a", snapshot_age=None)
    own = scene.actors[0]
    plain_member, plain_status = scene.member, scene.status

    def member(actor, number, now):
        known = plain_member(actor, number, now)
        return known if actor is own else known | {"node": None, "state": None, "seq": 0, "applied_seq": 0}

    scene.member = member
    scene.status = lambda: plain_status() | {
        "role": "standby", "stream_id": None, "seq": 0, "backend": None, "lag_seconds": None, "primary_seq": None,
        "lag_transactions": None, "received_seq": 0, "durable_seq": 0, "applied_seq": 0}
    return scene


SCENES = {scene.__name__: scene for scene in (
    healthy, lagging, primary_lost, forked, single, readers, warned, long_names, eight_nodes, starting)}
