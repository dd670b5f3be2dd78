"""docs/OPERATING.md names every metric that the sources can give, with its type, and none that they cannot."""

import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
source = "".join(path.read_text(encoding="utf-8")
                 for path in sorted((top / "common/api").glob("*metrics*.cpp")))
# add(out, "name", kGauge, …), out.declare("name", kGauge, …), add_each(out, status, "name", …): gauges
given = dict(re.findall(r'"((?:understudy|process)_[a-z_]+)",\s*k(Gauge|Counter|Histogram)', source))
given |= {name: "Gauge" for name in re.findall(r'add_each\(\s*out, status,\s*"([a-z_]+)"', source)}
given = {name: kind.lower() for name, kind in given.items()}
mentioned = set(re.findall(r'"((?:understudy|process)_[a-z_]+)"', source))

table = (top / "docs/OPERATING.md").read_text(encoding="utf-8").split("### Metrics")[1].split("\n## ")[0]
documented = dict(re.findall(r"^\| ((?:understudy|process)_[a-z_]+) \| ([a-z]+) \|", table, re.MULTILINE))

if mentioned != set(given):
    sys.exit(f"this test does not see how these are declared: {sorted(mentioned - set(given))}")
if len(given) < 40:
    sys.exit(f"only {len(given)} metrics found: the pattern does not fit the sources any more")
if given != documented:
    sys.exit(f"docs/OPERATING.md and the sources differ in: {sorted(set(given.items()) ^ set(documented.items()))}")
counters = [name for name, kind in given.items() if (kind == "counter") != name.endswith("_total")]
if counters:
    sys.exit(f"counters end in _total, and nothing else does: {counters}")
print(f"{len(given)} metrics, all documented")
