"""Try a room's mutants one after another, and print which of them no test notices.

    python -m tests.mutate ROOM --seed N --sample 80 [--continue | --survivors] [--longest S]

What was found is kept in `.mutation/`, a line for each mutant as soon as it is known.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.mutate.covering import covering
from tests.mutate.mutants import Mutant, sample
from tests.mutate.rooms import ROOMS, ROOT, equivalent
from tests.mutate.trial import Copy
from tests.mutate.verdicts import Verdict, read_verdicts, report

KEPT = ROOT / ".mutation"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("room", choices=sorted(ROOMS))
    parser.add_argument("--seed", type=int, default=1, help="another seed is another sample")
    parser.add_argument("--sample", type=int, default=80, help="how many mutants")
    parser.add_argument(
        "--longest", type=float, default=40, help="seconds of tests for one mutant, quickest first"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--continue", action="store_true", dest="goes_on", help="keep all verdicts")
    again.add_argument("--survivors", action="store_true", help="try the survivors again")
    given = parser.parse_args()
    room = ROOMS[given.room]
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"{given.room}-{given.seed}.jsonl"
    known = read_verdicts(kept) if given.goes_on or given.survivors else {}
    if given.survivors:
        known = {name: each for name, each in known.items() if each.noticed is not None}
    kept.write_text("".join(json.dumps(asdict(each)) + "\n" for each in known.values()), "utf-8")
    chosen = list(sample(room.files(), seed=given.seed, size=given.sample))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        tests = covering(room, copy, KEPT / f"{given.room}.json")
        for number, mutant in enumerate(chosen, 1):
            if mutant.name not in known:
                covers = tests.tests(mutant.place, longest_s=given.longest)
                covers = covers or dict.fromkeys(room.last, 60.0)
                known[mutant.name] = verdict = _verdict(mutant, covers, copy)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(verdict)) + "\n")
                print(f"{number}/{len(chosen)} {verdict.title()}", flush=True)
    print(report([known[each.name] for each in chosen], equivalent()))


def _verdict(mutant: Mutant, covers: Mapping[str, float], copy: Copy) -> Verdict:
    with copy.holding(mutant.place.path, mutant.text):
        noticed = copy.noticed(covers) if covers else None
    return Verdict(
        name=mutant.name,
        path=mutant.place.path,
        line=mutant.place.line,
        change=mutant.change,
        tests=len(covers),
        noticed=noticed,
    )


if __name__ == "__main__":
    main()
