"""What keys cost, and what a crowd of hostile clients does to a standby that follows."""

import pathlib
import statistics
import subprocess
import sys

from outcome import Outcome, spread, verdict
from stage import MeasurementFailed, Node, Scene, Stage, newest_id, wait_for_newest

CROWD_FOLDER = pathlib.Path(__file__).resolve().parents[1] / "tests" / "end_to_end"
sys.path.insert(0, str(CROWD_FOLDER))
from keyring import ALL, Keyring  # noqa: E402  (tests/ is no package)


def publish_with_keys(scene: Scene) -> Keyring:
    """A primary and a list for it, its standby, and a peer that may command only."""
    node = Node.publisher(scene.stage.understudy, "primary", scene.database)
    ring = Keyring(scene.stage.understudy, scene.folder)
    ring.make("primary", ALL, node.address)
    ring.make("standby", ("follow",))
    ring.make("commander", ("command",))
    ring.write_peers()
    node.arguments += ["--node", "primary", *ring.options("primary")]
    scene.nodes.append(node)
    scene.publisher = node
    node.start().wait_for_state("publishing", timeout=120)
    return ring


def begin(scene: Scene, keyed: bool) -> tuple[Node, Keyring | None]:
    """A standby that streams, with keys or without."""
    scene.prepare()
    if not keyed:
        scene.publish()
        return scene.follow(), None
    ring = publish_with_keys(scene)
    return scene.follow("standby", "--node", "standby", *ring.options("standby")), ring


def measure_speed(stage: Stage, keyed: bool) -> dict:
    with stage.scene() as scene:
        standby, _ = begin(scene, keyed)
        written = scene.write(stage.sizes.transactions)
        missing = written["newest_id"] - newest_id(standby.database)
        written["behind_seconds"] = missing / written["per_second"]
        written["drain_seconds"] = wait_for_newest(standby.database, written["newest_id"])
        return written


def measure_lag(stage: Stage, keyed: bool, crowd: bool = False) -> dict:
    with stage.scene() as scene:
        standby, ring = begin(scene, keyed)
        process = start_crowd(scene, ring) if crowd else None
        run = scene.run("lag", scene.database, standby.database, "--rate", 1000, "--seconds",
                        stage.sizes.lag_seconds)
        if run["missing"]:
            raise MeasurementFailed(f"lag: {run['missing']} transactions never arrived")
        if process:
            process.terminate()
            run["crowd"] = process.communicate(timeout=60)[0].strip()
            if " taken=0" not in run["crowd"]:
                raise MeasurementFailed(f"the crowd got something: {run['crowd']}")
        return run


def start_crowd(scene: Scene, ring: Keyring) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, str(CROWD_FOLDER / "crowd.py"), scene.publisher.host, str(scene.publisher.port),
         ring.public("primary"), "--role-key", str(ring.key_path("commander")), "commander",
         "--clients", "300"], stdout=subprocess.PIPE, text=True)
    scene.others.append(process)
    if process.stdout.readline() != "ready\n":
        raise MeasurementFailed("the crowd did not start")
    return process


def percentiles(runs: list[dict], key: str) -> list[float]:
    return [run["lag_us"][key] / 1000 for run in runs]


def in_turn(rounds: int, one, other) -> tuple[list[dict], list[dict]]:
    """Both in turn, and in the other order every second time."""
    ones, others = [], []
    for number in range(rounds):
        for is_one in ((True, False) if number % 2 == 0 else (False, True)):
            run = one() if is_one else other()
            (ones if is_one else others).append(run)
            print(f"  {'first' if is_one else 'second'} kind: {run}", flush=True)
    return ones, others


def curve(stage: Stage) -> list[Outcome]:
    plain, keyed = in_turn(stage.sizes.pairs, lambda: measure_speed(stage, False),
                           lambda: measure_speed(stage, True))
    ratios = [b["per_second"] / a["per_second"] for a, b in zip(plain, keyed)]
    plain_lag, keyed_lag = in_turn(stage.sizes.lag_rounds, lambda: measure_lag(stage, False),
                                   lambda: measure_lag(stage, True))
    p99 = percentiles(keyed_lag, "p99")
    return [
        Outcome("writer with publisher and standby, with keys against without", "≥ 0.9",
                f"{spread(ratios)}; standby behind at the end "
                f"{spread([run['behind_seconds'] for run in keyed], 2, ' s')}",
                verdict(statistics.median(ratios) >= 0.9),
                {"ratios": ratios, "plain": plain, "keyed": keyed}),
        Outcome("lag at 1000 transactions/s with keys, p99", "≤ 7 ms",
                f"{spread(p99, 2, ' ms')}; without keys "
                f"{spread(percentiles(plain_lag, 'p99'), 2, ' ms')}",
                verdict(statistics.median(p99) <= 7), {"plain": plain_lag, "keyed": keyed_lag})]


def hostile(stage: Stage) -> list[Outcome]:
    quiet, crowded = in_turn(stage.sizes.lag_rounds, lambda: measure_lag(stage, True),
                             lambda: measure_lag(stage, True, crowd=True))
    outcomes = []
    for key in ("p50", "p99"):
        ratio = (statistics.median(percentiles(crowded, key))
                 / statistics.median(percentiles(quiet, key)))
        outcomes.append(Outcome(
            f"lag beside 300 hostile clients, against without, {key}", "≤ 2",
            f"{ratio:.2f}; {spread(percentiles(crowded, key), 2, ' ms')} against "
            f"{spread(percentiles(quiet, key), 2, ' ms')}; {crowded[-1]['crowd']}", verdict(ratio <= 2),
            {"quiet": quiet, "crowded": crowded}))
    return outcomes
