"""Three servers, one chat service: a story in nine acts that shows, and proves, what deploy/README.md sets up.

Three machines with a node, the chat and a member of etcd each, a load balancer, and visitors on a fifth machine, all
in network namespaces of this one. While visitors write and read, a standby falls behind, the primary's machine dies and
another one leads by itself, the dead machine comes back, the next primary's dies and comes back, and all three are
restarted one after the other. In the end not one message that a visitor was told to be safe may be missing, and all
three files must be equal. Needs root; ends by itself.

usage: story.py --understudy PROGRAM --extension FILE [--keep FOLDER]
"""

import argparse
import contextlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import hosts
from acts import Story
from hosts import MACHINES, Networks

from harness import SKIPPED, Expectation, NodeFailed, Skipped, count  # noqa: E402  (hosts makes it found)


def check_machine() -> None:
    for program in ("haproxy", "ip", "nft", "sqlite3"):
        if shutil.which(program) is None:
            raise Skipped(f"there is no program {program} here")


@contextlib.contextmanager
def folder_of(kept: str | None):
    """Gone afterwards, unless it is to be kept for a look."""
    if kept:
        pathlib.Path(kept).mkdir(parents=True)
        yield pathlib.Path(kept).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="understudy-story-") as folder:
        yield pathlib.Path(folder)


def play(options: argparse.Namespace) -> None:
    check_machine()
    with folder_of(options.keep) as folder, Networks(*MACHINES) as networks:
        with Story(networks, folder, options.understudy, options.extension) as story:
            story.set_the_stage()
            story.read_in_turn()
            story.standby_falls_behind()
            story.primary_dies()
            story.dead_one_returns()
            story.primary_dies()
            story.dead_one_returns()
            story.upgrade_one_at_a_time()
            story.count_the_messages()


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--understudy", required=True, help="the program")
    options.add_argument("--extension", required=True, help="understudy_commit.so")
    options.add_argument("--keep", metavar="FOLDER", help="leave all files there")
    chosen = options.parse_args()
    chosen.understudy, chosen.extension = (str(pathlib.Path(path).resolve()) for path in (
        chosen.understudy, chosen.extension))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all ends in order
    began = time.monotonic()
    try:
        play(chosen)
    except Skipped as why:
        print(f"skipped: {why}", flush=True)
        return SKIPPED
    except (Expectation, NodeFailed, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"The story went wrong: {error}", flush=True)
        return 1
    print(f"\nThe end, after {time.monotonic() - began:.0f} seconds. Nothing is left running.", flush=True)
    count("stories of three servers", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
