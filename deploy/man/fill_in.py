"""Makes a manual page out of its prose and of what the program says of itself.

usage: fill_in.py PROGRAM VERSION SOURCE.in OUTPUT
"""

import datetime
import os
import pathlib
import subprocess
import sys

PARTS = {"@COMMANDS@": "commands", "@KEYS@": "keys"}


def date_of_build() -> str:
    """SOURCE_DATE_EPOCH makes two builds of the same sources equal."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.now(datetime.timezone.utc)
    return (datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else now).strftime("%Y-%m-%d")


def main() -> None:
    program, version, source, output = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding="utf-8")
    for mark, part in PARTS.items():
        if mark in text:
            said = subprocess.run([program, "manual", part], capture_output=True, text=True, check=True).stdout
            text = text.replace(mark + "\n", said)
    text = text.replace("@VERSION@", version).replace("@DATE@", date_of_build())
    pathlib.Path(output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
