"""Litestream beside Understudy, on the same work: the writer's speed, and the time until another
machine has the same state. Litestream backs up to storage and restores from it, so "another
machine" is a replica folder and a `litestream restore` from it.
"""

import pathlib
import shutil
import statistics
import subprocess
import time

from outcome import INFORMATION, SKIPPED, Outcome, spread
from stage import MeasurementFailed, Scene, Stage, newest_id
from writing import measure_alone, measure_with_standby

NPM_PACKAGE = "@flydotio/litestream"
KEPT_PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "build" / "bench" / "litestream"
RESTORE_PATIENCE_SECONDS = 120


def find_program() -> str | None:
    """The litestream of this machine, else that of its npm package; None when neither is there."""
    if found := shutil.which("litestream"):
        return found
    if shutil.which("npm") and not list(KEPT_PROGRAM.glob("node_modules/@flydotio/*/litestream")):
        subprocess.run(["npm", "install", "--prefix", str(KEPT_PROGRAM), NPM_PACKAGE],
                       capture_output=True, timeout=120, check=False)
    programs = list(KEPT_PROGRAM.glob("node_modules/@flydotio/*/litestream"))
    return str(programs[0]) if programs else None


def start_litestream(program: str, scene: Scene, interval: str) -> pathlib.Path:
    """Replicates the primary into a folder; returns its configuration, once a snapshot is there."""
    replica = scene.folder / "replica"
    config = scene.folder / "litestream.yml"
    config.write_text(
        f"dbs:\n  - path: {scene.database}\n    monitor-interval: {interval}\n    replicas:\n"
        f"      - type: file\n        path: {replica}\n        sync-interval: {interval}\n")
    scene.start_other([program, "replicate", "-config", str(config)], "litestream.log")
    deadline = time.monotonic() + 60
    while not list(replica.glob("generations/*/snapshots/*")):
        if time.monotonic() > deadline:
            raise MeasurementFailed("litestream made no snapshot within 60 s")
        time.sleep(0.01)
    return config


def time_restore(program: str, scene: Scene, config: pathlib.Path, wanted: int) -> float:
    """Restores again and again until the newest row is there; seconds since the call."""
    start = time.monotonic()
    target = scene.folder / "restored.db"
    while time.monotonic() - start < RESTORE_PATIENCE_SECONDS:
        for stale in scene.folder.glob("restored.db*"):
            stale.unlink()
        subprocess.run([program, "restore", "-config", str(config), "-o", str(target),
                        str(scene.database)], capture_output=True, check=False)
        if target.exists() and newest_id(target) >= wanted:
            return time.monotonic() - start
    raise MeasurementFailed("litestream: the last row was not restored within "
                            f"{RESTORE_PATIENCE_SECONDS} s")


def measure_litestream(stage: Stage, program: str, interval: str) -> dict:
    with stage.scene() as scene:
        scene.prepare()
        config = start_litestream(program, scene, interval)
        written = scene.write(stage.sizes.transactions)
        written["drain_seconds"] = time_restore(program, scene, config, written["newest_id"])
        return written


def litestream(stage: Stage) -> list[Outcome]:
    program = find_program()
    if program is None:
        return [Outcome("Litestream beside it", "–", "not at hand: neither a litestream program "
                        f"nor npm's {NPM_PACKAGE}", SKIPPED)]
    version = subprocess.run([program, "version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    ways = {"Understudy, publisher and standby": measure_with_standby,
            f"Litestream {version}, every 1 s (default)":
                lambda stage: measure_litestream(stage, program, "1s"),
            f"Litestream {version}, every 10 ms":
                lambda stage: measure_litestream(stage, program, "10ms")}
    runs = {name: [] for name in ways}
    for _ in range(stage.sizes.rounds):
        alone = measure_alone(stage)["per_second"]
        for name, measure in ways.items():
            run = measure(stage)
            run["ratio"] = run["per_second"] / alone
            runs[name].append(run)
            print(f"  {name}: ratio {run['ratio']:.2f}, same state after "
                  f"{run['drain_seconds']:.2f} s", flush=True)
    return [compare(name, of_way) for name, of_way in runs.items()]


def compare(name: str, runs: list[dict]) -> Outcome:
    worst = statistics.median(run["commit_us"]["p999"] for run in runs) / 1000
    return Outcome(
        f"{name}", "–",
        f"writer at {spread([run['ratio'] for run in runs])} of alone, COMMIT p99.9 {worst:.1f} "
        f"ms; another machine in the same state after "
        f"{spread([run['drain_seconds'] for run in runs], 2, ' s')}", INFORMATION, {"runs": runs})
