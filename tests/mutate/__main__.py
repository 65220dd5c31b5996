"""Try a room's mutants one after another, and print which of them no test notices.

    python -m tests.mutate ROOM --seed N --sample 80 [--continue | --survivors] [--longest S]

What was found is kept in `.mutation/`, a line for each mutant as soon as it is known.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.mutate.copied import Copy
from tests.mutate.covering import covering
from tests.mutate.mutants import Mutant, sample
from tests.mutate.rooms import ROOMS, ROOT, Room, equivalent
from tests.mutate.runs import Trial, noticed, noticed_at_once
from tests.mutate.verdicts import Verdict, read_verdicts, report
from tests.support.temporary import VARIABLE, root_of_its_own

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
    with root_of_its_own() as root, tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        os.environ[VARIABLE] = str(root)
        copy = Copy(Path(folder))
        tests = covering(room, copy, KEPT / f"{given.room}.json")
        mutants = {each.name: each for each in chosen if each.name not in known}
        trials = {
            name: Trial(
                name=name,
                path=each.place.path,
                text=each.text,
                in_function=each.place.in_function,
                tests=tests.tests(each.place, longest_s=given.longest)
                or dict.fromkeys(room.last, 60.0),
            )
            for name, each in mutants.items()
        }
        for name, by in _tried(copy, room, trials):
            known[name] = verdict = _verdict(mutants[name], len(trials[name].tests), by)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(verdict)) + "\n")
            print(f"{len(known)}/{len(chosen)} {verdict.title()}", flush=True)
    print(report([known[each.name] for each in chosen], equivalent()))


def _tried(copy: Copy, room: Room, trials: Mapping[str, Trial]) -> Iterator[tuple[str, str | None]]:
    """Try mutants, first as is quick, then those that can't be put into what is loaded."""
    left = dict(trials)
    quick = [each for each in trials.values() if each.tests.keys().isdisjoint(room.last)]
    for name, by in noticed_at_once(copy, room.tests, quick) if quick else ():
        if by or left[name].in_function:  # of a constant, others may have made something else
            del left[name]
            yield name, by
    for name, trial in left.items():
        yield name, noticed(copy, trial)


def _verdict(mutant: Mutant, tests: int, by: str | None) -> Verdict:
    return Verdict(
        name=mutant.name,
        path=mutant.place.path,
        line=mutant.place.line,
        change=mutant.change,
        tests=tests,
        noticed=by,
    )


if __name__ == "__main__":
    main()
