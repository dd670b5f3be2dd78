"""Commits that wait for a standby: how many a second, with one connection and with eight, beside
PostgreSQL with synchronous_commit=on and one standby, where it is installed.
"""

import json
import statistics
import subprocess
import time

import postgres
from outcome import INFORMATION, SKIPPED, Outcome, spread, verdict
from stage import Scene, Stage

CONNECTIONS = 8


def write_synced(scene: Scene, connections: int, count: int) -> dict:
    """`connections` processes, `count` transactions in all; each COMMIT waits for the standby."""
    extension = scene.stage.build / "understudy_commit.so"
    writers = [subprocess.Popen(
        scene.program("writer", scene.database, "--transactions", count // connections, "--seed",
                      seed + 2, "--busy-timeout-ms", 10_000, "--extension", extension),
        stdout=subprocess.PIPE, text=True) for seed in range(connections)]
    scene.others += writers
    start = time.monotonic()
    answers = [json.loads(writer.communicate()[0]) for writer in writers]
    return {"per_second": sum(a["transactions"] for a in answers) / (time.monotonic() - start),
            "commit_us": answers[0]["commit_us"]}


def measure_ours(stage: Stage) -> dict:
    with stage.scene() as scene:
        scene.prepare().publish("--sync", "1", "--sync-level", "durable")
        scene.follow()
        # Files that have their size are written differently from files that grow.
        write_synced(scene, CONNECTIONS, stage.sizes.sync_warm_up)
        return {"one": write_synced(scene, 1, stage.sizes.sync_transactions),
                "many": write_synced(scene, CONNECTIONS, 3 * stage.sizes.sync_transactions)}


def measure_postgres(stage: Stage, standby: bool) -> dict:
    seconds = stage.sizes.sync_seconds
    with stage.scene() as scene, postgres.Cluster(scene.folder, standby) as cluster:
        cluster.commits_per_second(CONNECTIONS, 1)
        return {"one": {"per_second": cluster.commits_per_second(1, seconds)},
                "many": {"per_second": cluster.commits_per_second(CONNECTIONS, seconds)}}


def speeds(runs: list[dict], key: str) -> list[float]:
    return [run[key]["per_second"] for run in runs]


def sync_commit(stage: Stage) -> list[Outcome]:
    ways = {"ours": measure_ours}
    if postgres.is_installed():
        ways["postgres"] = lambda stage: measure_postgres(stage, True)
        ways["postgres alone"] = lambda stage: measure_postgres(stage, False)
    runs: dict[str, list[dict]] = {name: [] for name in ways}
    for _ in range(stage.sizes.rounds):
        for name, measure in ways.items():
            runs[name].append(measure(stage))
            print(f"  {name}: {speeds(runs[name], 'one')[-1]:,.0f}/s, with {CONNECTIONS} "
                  f"{speeds(runs[name], 'many')[-1]:,.0f}/s", flush=True)
    return [*compare(runs), share(runs["ours"])]


def compare(runs: dict[str, list[dict]]) -> list[Outcome]:
    ours = speeds(runs["ours"], "one")
    commit = runs["ours"][-1]["one"]["commit_us"]
    text = (f"{spread(ours, 0, '/s')}; COMMIT p50 {commit['p50'] / 1000:.2f} ms, p99 "
            f"{commit['p99'] / 1000:.2f} ms")
    what = "commits/s of one connection that waits for one standby's disk"
    if "postgres" not in runs:
        return [Outcome(what, "1.5 × PostgreSQL", text, SKIPPED, {"runs": runs})]
    theirs = speeds(runs["postgres"], "one")
    ratios = [a / b for a, b in zip(ours, theirs)]
    return [
        Outcome(what, "1.5 × PostgreSQL",
                f"{spread(ratios)} × PostgreSQL 15 with synchronous_commit=on; {text}; PostgreSQL "
                f"{spread(theirs, 0, '/s')}", verdict(statistics.median(ratios) >= 1.5),
                {"runs": runs}),
        Outcome("PostgreSQL 15 beside it", "–",
                f"without a standby {spread(speeds(runs['postgres alone'], 'one'), 0, '/s')}; "
                f"{CONNECTIONS} connections {spread(speeds(runs['postgres'], 'many'), 0, '/s')}",
                INFORMATION)]


def share(runs: list[dict]) -> Outcome:
    ratios = [run["many"]["per_second"] / run["one"]["per_second"] for run in runs]
    return Outcome(f"the same with {CONNECTIONS} connections, against one", "≥ 3",
                   f"{spread(ratios)}; {spread(speeds(runs, 'many'), 0, '/s')}",
                   verdict(statistics.median(ratios) >= 3))
