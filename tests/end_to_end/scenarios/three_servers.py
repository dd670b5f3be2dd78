"""The story of deploy/three-servers: three servers, HAProxy, the chat service and its visitors in network
namespaces; a standby falls behind, the primary's machine dies and comes back, all are restarted in turn. Not one
acknowledged message may be missing, reads go round the standbys, and the balancer's cache is used.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import SKIPPED, TOP, Skipped, expect, run_scenarios  # noqa: E402


def story(program, chance):
    extension = pathlib.Path(program).resolve().with_name("understudy_commit.so")
    answer = subprocess.run(
        [sys.executable, str(TOP / "deploy/three-servers/story.py"), "--understudy", program, "--extension",
         str(extension)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False)
    if answer.returncode == SKIPPED:
        raise Skipped(answer.stdout.strip().removeprefix("skipped: "))
    print(answer.stdout, flush=True)
    expect(answer.returncode == 0, "the story went wrong")


if __name__ == "__main__":
    run_scenarios(story)
