"""The demo's evidence: what it prints after each act, and what it finds wrong, in words."""

import json

import equality
from nodes import Node
from screen import Screen


def prove_equal(nodes: list[Node], screen: Screen) -> list[str]:
    """At rest: all databases have one position and the same bytes. Prints the table."""
    wrong, positions = [], {}
    for node in nodes:
        verified = node.run("verify")
        positions[node.name] = (verified.stdout.split() or ["?"])[-1]
        if verified.returncode != 0:
            wrong.append(f"{node.name}: verify says: {verified.stdout} {verified.stderr}")
    if len(set(positions.values())) != 1:
        wrong.append(f"positions differ: {positions}")
    proofs = {node.name: equality.prove(node.database) for node in nodes}
    print_table(screen, positions, proofs)
    return wrong + equality.differences(proofs)


def print_table(screen: Screen, positions: dict[str, str],
                proofs: dict[str, equality.Proof]) -> None:
    width = max(17, *(len(position) for position in positions.values())) + 2
    if screen.columns() < 54 + width:
        for name, proof in proofs.items():
            print(f"  {name:<11}{positions[name]}  {proof.integrity[:9]}  {proof.file_bytes:,} bytes\n"
                  f"             rows {proof.content_sum[:12]}…  file {proof.file_sum[:12]}…")
    else:
        print(f"  {'node':<11}{'position (verify)':<{width}}{'integrity':<11}{'rows':<10}"
              f"{'file':<10}{'bytes':>10}")
        for name, proof in proofs.items():
            print(f"  {name:<11}{positions[name]:<{width}}{proof.integrity[:9]:<11}"
                  f"{proof.content_sum[:7] + '…':<10}{proof.file_sum[:7] + '…':<10}"
                  f"{proof.file_bytes:>10,}")
    print("\n  rows: SHA3 by sqlite3; file: SHA-256 of all pages", flush=True)


def prove_takeover(leader: Node, returned: Node, standbys_had: int, old_had: int) -> list[str]:
    """Nothing that a standby had is missing, and what only the old primary had is kept beside."""
    history = json.loads(leader.run("history", "--json").stdout)
    first = history[-1]["first_seq"]
    orphans = json.loads(returned.run("orphans", "--json").stdout)
    kept = sum(each["records"] for each in orphans)
    alone = max(0, old_had - (first - 1))
    print(f"  {leader.name} leads epoch {history[-1]['epoch']}, which begins with seq {first:,}.\n"
          f"  The standbys had everything up to seq {standbys_had:,}: all of it is there.\n"
          f"  The lost machine was at seq {old_had:,}: {alone} transaction{'' if alone == 1 else 's'} "
          f"never left it; {kept or 'none'} kept as orphans.")
    if orphans:
        print(f"    understudy orphans show {orphans[-1]['name']}")
    wrong = []
    if standbys_had >= first:
        wrong.append(f"standbys had seq {standbys_had}, but epoch {history[-1]['epoch']} begins at {first}")
    if kept < alone:
        wrong.append(f"{alone} transactions were on {returned.name} alone, but {kept} are kept")
    return wrong
