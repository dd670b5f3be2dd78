"""What hostile clients of the HTTP port cost a healthy standby: its lag with and without them."""

import pathlib
import statistics
import subprocess
import sys

from outcome import Outcome, spread, verdict
from stage import MeasurementFailed, Stage

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "demo"))
from nodes import die_with_parent, free_port  # noqa: E402  (demo/ is no package)

CROWD = pathlib.Path(__file__).resolve().parents[1] / "tests" / "end_to_end" / "hostile_crowd.py"


def measure(stage: Stage, is_hostile: bool) -> dict:
    """One run at 500 transactions a second. The crowd stands for other machines, so it comes last here."""
    port = free_port()
    with stage.scene() as scene:
        scene.prepare().publish("--http", f"127.0.0.1:{port}")
        standby = scene.follow()
        if is_hostile:
            scene.others.append(subprocess.Popen(["nice", "-n", "19", sys.executable, str(CROWD),
                                                  str(port)], preexec_fn=die_with_parent))
        run = scene.run("lag", scene.database, standby.database, "--rate", 500, "--seconds",
                        stage.sizes.lag_seconds)
        if run["missing"]:
            raise MeasurementFailed(f"lag: {run['missing']} transactions never arrived")
        return run


def hostile_http(stage: Stage) -> list[Outcome]:
    quiet, hostile = [], []
    for _ in range(stage.sizes.lag_rounds):
        for runs, is_hostile in ((quiet, False), (hostile, True)):
            runs.append(measure(stage, is_hostile))
            print(f"  {'hostile' if is_hostile else 'quiet'} {runs[-1]}", flush=True)
    outcomes = []
    for key in ("p50", "p99"):
        before, amid = ([run["lag_us"][key] / 1000 for run in runs] for runs in (quiet, hostile))
        ratio = statistics.median(amid) / statistics.median(before)
        outcomes.append(Outcome(
            f"lag amid hostile HTTP clients, {key}", "≤ 2 times the usual",
            f"{spread(amid, 2, ' ms')}; usual {spread(before, 2, ' ms')}; {ratio:.2f} times",
            verdict(ratio <= 2), {"quiet": quiet, "hostile": hostile}))
    return outcomes
