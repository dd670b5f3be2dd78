"""The lease: how soon another node takes writes when the primary's host is killed, whether the loss of
etcd's leader is felt, and for how long a switchover through the lease keeps writers waiting.

Three members of real etcd, three nodes, on one machine; the host that is killed has one of each. It falls
silent: its processes are stopped, so that nothing refuses a connection, and killed once another one leads.
"""

import contextlib
import json
import pathlib
import signal
import sqlite3
import statistics
import sys
import time

from outcome import Outcome, verdict
from stage import MeasurementFailed, Node, Stage
from takeover import describe, move_back_and_forth, percentile, start_roamer, try_to_write, wait_until_level

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))
from etcd import Etcd  # noqa: E402  (of the end-to-end tests)
from harness import Skipped  # noqa: E402

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.002


def lease(stage: Stage) -> list[Outcome]:
    try:
        return [host_killed(stage), etcd_leader_killed(stage), switchover(stage)]
    except Skipped as why:
        raise MeasurementFailed(str(why)) from None


@contextlib.contextmanager
def leased(stage: Stage, ttl: str):
    """A scene with etcd and three nodes that are on record; yields (scene, etcd, nodes)."""
    with stage.scene() as scene:
        scene.prepare()
        with Etcd(scene.folder) as etcd:
            nodes = scene.cluster("a", "b", "c", options=("--lease", etcd.url, "--lease-ttl", ttl))
            wait_until_listed(etcd)
            yield scene, etcd, nodes


def wait_until_listed(etcd: Etcd) -> None:
    """All of etcd is well, and all nodes are on record."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_well(etcd):
        if time.monotonic() > deadline:
            raise MeasurementFailed(f"etcd is not well, or not all nodes are on record: {etcd.record()}")
        time.sleep(0.05)


def is_well(etcd: Etcd) -> bool:
    answers = all(etcd.ctl("endpoint", "status", member=member, check=False) for member in etcd.members)
    return answers and len((etcd.record() or {}).get("members", [])) == 3


# --- a host is killed ---

def host_killed(stage: Stage) -> Outcome:
    """The primary under writes, and the member of etcd beside it, again and again; the dead come back."""
    seconds = []
    with leased(stage, "5s") as (scene, etcd, nodes):
        scene.write(100)
        leader = nodes[0]
        for number in range(stage.sizes.hosts_killed):
            wait_until_level(nodes, leader)
            wait_until_listed(etcd)
            application = start_roamer(scene, [leader], 200, scene.folder / "unread.json", "--first",
                                       str(1_000_000 * (number + 1)))
            time.sleep(0.17 * (number % 10))  # at any instant between two renewals
            member = etcd.members[nodes.index(leader)]
            begun = time.monotonic()
            application.kill()
            leader.pause()
            member.pause()
            took, heir = time_first_write([node for node in nodes if node is not leader], begun)
            seconds.append(took)
            print(f"  {took:.2f} s, {heir.name}", flush=True)
            application.wait()
            leader.kill()
            member.kill()
            member.start()
            leader.start()
            leader = heir
    median, worst = statistics.median(seconds), max(seconds)
    return Outcome(
        "lease, ttl 5 s: the primary's host is killed, until the first write elsewhere",
        "median ≤ 6 s, worst ≤ 8 s",
        f"median {median:.2f} s, worst {worst:.2f} s ({min(seconds):.2f} …, n = {len(seconds)})",
        verdict(median <= 6 and worst <= 8), {"seconds": seconds})


def time_first_write(others: list[Node], begun: float) -> tuple[float, Node]:
    with contextlib.ExitStack() as stack:
        applications = [(node, stack.enter_context(contextlib.closing(
            sqlite3.connect(node.database, timeout=0, isolation_level=None)))) for node in others]
        while time.monotonic() - begun < PATIENCE_SECONDS:
            for node, application in applications:
                if try_to_write(application):
                    return time.monotonic() - begun, node
            time.sleep(POLL_SECONDS)
    raise MeasurementFailed(f"nobody took a write within {PATIENCE_SECONDS} s")


# --- etcd's leader is killed ---

def etcd_leader_killed(stage: Stage) -> Outcome:
    with leased(stage, "10s") as (scene, etcd, nodes):
        report = scene.folder / "roamer.json"
        # As patient as applications are: a checkpoint may hold the write lock for a moment.
        roamer = start_roamer(scene, nodes[:1], 200, report, "--patience", "0.2")
        rounds = max(1, stage.sizes.hosts_killed // 4)
        for _ in range(rounds):
            wait_until_listed(etcd)
            leader = etcd.leader()
            if leader is None:
                raise MeasurementFailed("etcd has no leader")
            leader.kill()
            deadline = time.monotonic() + 12  # longer than a ttl
            while time.monotonic() < deadline:
                time.sleep(0.1)
            leader.start()
        roamer.send_signal(signal.SIGTERM)
        roamer.wait(30)
        seen = json.loads(report.read_text())
        status = nodes[0].status()
    if status["role"] != "primary":
        raise MeasurementFailed(f"the primary was moved: {status}")
    return Outcome(
        "lease, ttl 10 s: etcd's leader is killed, writes refused meanwhile on a healthy primary",
        "none", f"{seen['refused']} of {len(seen['committed']) + seen['refused']:,}, {rounds} leaders killed",
        verdict(seen["refused"] == 0), {"refused": seen["refused"], "committed": len(seen["committed"])})


# --- switchover ---

def switchover(stage: Stage) -> Outcome:
    """More of them than in `takeover`: of few the slowest one would be called p99."""
    rate, count = 500, 7 * stage.sizes.switchovers
    with leased(stage, "10s") as (scene, etcd, nodes):
        _, moves, commands = move_back_and_forth(scene, nodes[:2], rate, count)
    return Outcome(
        f"lease: planned switchover under {rate} transactions/s, no write succeeds for",
        "p99 ≤ 500 ms", f"{describe(moves)}; the command {describe(commands)}; none lost",
        verdict(percentile(moves, 0.99) <= 500), {"gaps_ms": moves, "command_ms": commands})
