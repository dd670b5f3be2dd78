"""Prints which share of each source file's lines the tests ran, from gcov's data of a coverage build.

usage: coverage.py BUILD_DIR
"""

import collections
import json
import pathlib
import subprocess
import sys

ROOMS = ("common", "publisher", "subscriber", "cli")


def read_gcov(notes_file, build):
    """Yields (source, line number, times run) of one object file."""
    answer = subprocess.run(["gcov", "--json-format", "--stdout", str(notes_file)], cwd=build,
                            capture_output=True, text=True, check=False)
    for document in answer.stdout.splitlines():
        for source in json.loads(document)["files"]:
            for line in source["lines"]:
                yield source["file"], line["line_number"], line["count"]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    top = pathlib.Path.cwd()
    counts = collections.defaultdict(dict)
    for data_file in build.rglob("*.gcda"):
        for name, line, times in read_gcov(data_file, build):
            source = pathlib.Path(build, name).resolve()
            if source.is_relative_to(top):
                own = source.relative_to(top)
                counts[own][line] = counts[own].get(line, 0) + times
    total_run = total = 0
    for source in sorted(counts):
        if source.parts[0] not in ROOMS:
            continue
        run = sum(1 for times in counts[source].values() if times)
        total_run, total = total_run + run, total + len(counts[source])
        print(f"{100 * run / len(counts[source]):6.1f} %  {run:5d} of {len(counts[source]):5d}  {source}")
    if not total:
        sys.exit("no coverage data: did any test run?")
    print(f"{100 * total_run / total:6.1f} %  {total_run:5d} of {total:5d}  all")


if __name__ == "__main__":
    main()
