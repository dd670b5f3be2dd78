"""Measures what the README claims: both sides in turn, in one run, with the spread.

usage: bench.py --build BUILD_FOLDER [--quick] [--list] [SCENARIO…]
Prints a line for each result and writes results.json and results.md into build/bench. A figure that
falls short is written down as it is: the exit code is 1 only when something could not be measured.
Temporary files go to TMPDIR, else to build/bench: it should be a real disk, for fsync's sake.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import traceback

import following
import hostile
import leasing
import litestream
import machine
import recovery
import resources
import security
import syncing
import takeover
import writing
from outcome import Outcome, markdown
from stage import QUICK, Sizes, Stage

TOP = pathlib.Path(__file__).resolve().parents[1]
SCENARIOS = {
    "writer_speed": writing.writer_speed,
    "writer_with_standby": writing.writer_with_standby,
    "lag": following.lag,
    "catch_up": following.catch_up,
    "bootstrap": following.bootstrap,
    "record_bytes": writing.record_bytes,
    "memory": resources.memory,
    "idle_cpu": resources.idle_cpu,
    "many_writers": writing.many_writers,
    "takeover": takeover.takeover,
    "lease": leasing.lease,
    "replay": recovery.replay,
    "snapshot": recovery.snapshot,
    "restore": recovery.restore,
    "restore_archive": recovery.restore_archive,
    "litestream": litestream.litestream,
    "sync_commit": syncing.sync_commit,
    "hostile_http": hostile.hostile_http,
    "curve": security.curve,
    "hostile": security.hostile,
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build" / "release")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    arguments = parser.parse_args()
    unknown = set(arguments.scenarios) - SCENARIOS.keys()
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}; there are "
                     f"{', '.join(SCENARIOS)}")
    return arguments


def run_scenario(name: str, stage: Stage) -> tuple[list[Outcome], str | None]:
    """The outcomes, or why there are none."""
    print(f"\n{name}", flush=True)
    try:
        outcomes = SCENARIOS[name](stage)
    except Exception as failure:  # one scenario that fails must not hide the others' figures
        traceback.print_exc()
        return [], str(failure)
    for outcome in outcomes:
        print(f"= {outcome.line()}", flush=True)
    return outcomes, None


def write_results(folder: pathlib.Path, facts: dict, outcomes: list[Outcome],
                  failures: dict[str, str], quick: bool) -> None:
    results = {"machine": facts, "quick": quick, "failures": failures,
               "outcomes": [vars(outcome) for outcome in outcomes]}
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False))
    (folder / "results.md").write_text(
        f"{machine.describe(facts)}\n\n{markdown(outcomes)}"
        + "".join(f"\nNot measured: {name}\n" for name in failures))


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(SCENARIOS))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    results = TOP / "build" / "bench"
    results.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=os.environ.get("TMPDIR", results)))
    outcomes, failures = [], {}
    try:
        stage = Stage(arguments.build.resolve(), folder, QUICK if arguments.quick else Sizes())
        facts = machine.facts(folder)
        print(machine.describe(facts), flush=True)
        for name in arguments.scenarios or SCENARIOS:
            found, failure = run_scenario(name, stage)
            outcomes += found
            if failure:
                failures[name] = failure
            write_results(results, facts, outcomes, failures, arguments.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{markdown(outcomes)}\nWritten to {results}/results.json and results.md")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
