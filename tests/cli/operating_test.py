"""docs/OPERATING.md names every log event that the sources can emit, and none that they cannot."""

import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
sources = [path for room in ("cli", "common", "lease", "publisher", "subscriber", "replay", "takeover")
           for path in sorted((top / room).rglob("*.cpp"))]
call = re.compile(r'(?:log::(?:debug|info|warning|error)\(\s*|say\((?:true|false),\s*|say_once\(\s*)"([a-z_]+)"')
emitted = {name for path in sources for name in call.findall(path.read_text(encoding="utf-8"))}

table = (top / "docs/OPERATING.md").read_text(encoding="utf-8")
table = table.split("## Log events")[1].split("## ")[0]
documented = {name for row in re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE)
              for name in row.split(", ")} - {"event"}

if not emitted:
    sys.exit("no log event found: the pattern does not fit the sources any more")
if emitted != documented:
    sys.exit(f"not in docs/OPERATING.md: {sorted(emitted - documented)}; "
             f"not in the sources: {sorted(documented - emitted)}")
print(f"{len(emitted)} events, all documented")
