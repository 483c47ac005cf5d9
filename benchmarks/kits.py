"""Bundles and kits, verified, run and compiled as far as tools are here: `make kits`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.kits_apps import TRIALS, Absent, Failed
from benchmarks.kits_subjects import FIXTURES, FOLDED, ZOO, subject
from convertkit import api, shipping
from convertkit.errors import ConvertkitError
from convertkit.kits.write import write_kit

WORK = Path("build/kits/work")
LIGHT = Path("build/kits/light/bin/python")  # LiteRT and the light dependencies alone
QUICK = ("bench.rounds=2", "bench.warmup_s=0.01")


def bundle_of(name: str) -> Path:
    """A model converted and bundled twice, with the same bytes."""
    run = WORK / name / "run"
    (WORK / name).mkdir(parents=True)
    given = subject(name, WORK / name)
    report = api.convert(
        given.model,
        to=given.targets,
        samples=given.samples,
        out=run,
        settings=(*QUICK, *given.settings),
        fold_preprocessing=name == FOLDED,
    )
    assert report.is_passed, [hop.error for hop in report.hops]
    first, second = (WORK / name / place / f"{name}-1.0.0.ckb" for place in ("one", "two"))
    labels = None
    if name == "digits":
        labels = WORK / name / "labels.txt"
        labels.write_text("".join(f"digit {number}\n" for number in range(10)))
    for out in (first, second):
        shipping.bundle(run, out, labels=labels, license="Apache-2.0")
    assert first.read_bytes() == second.read_bytes()
    return first


def verified(bundle: Path) -> tuple[bool, str]:
    """Whether a bundle is in order with everything installed, and with LiteRT alone; what was said."""
    found = shipping.verify(bundle)
    here = f"{dict(Counter(each.status for each in found.checked))}"
    if not LIGHT.exists():
        return found.exit_code == 0, f"{here}; no environment of LiteRT alone"
    done = subprocess.run(
        [LIGHT.absolute(), "-m", "convertkit", "verify", bundle, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    alone = json.loads(done.stdout or "{}").get("checked", [])
    states = Counter(each["status"] for each in alone)
    is_run = done.returncode == 0 and states["passed"] > 0
    told = f"by LiteRT alone {dict(states)}" if is_run else f"by LiteRT alone: {done.stderr[-400:]}"
    return found.exit_code == 0 and is_run, f"{here}; {told}"


def tried(name: str, kind: str, bundle: Path) -> tuple[str, str]:
    """State of a kit, and what was said."""
    out = WORK / name / kind
    try:
        write_kit(bundle, kind, out, lambda text: None, name=name)
        return "passed", TRIALS[kind](out)
    except Absent as error:
        return "generated", str(error)
    except (Failed, ConvertkitError) as error:
        return "failed", str(error)


def main(names: list[str]) -> int:
    """Say what became of each; 1 where anything failed."""
    shutil.rmtree(WORK, ignore_errors=True)
    counts: Counter[str] = Counter()
    for name in names or (*FIXTURES, FOLDED, *ZOO):
        bundle = bundle_of(name)
        is_right, told = verified(bundle)
        counts["bundles verified" if is_right else "failed"] += 1
        print(f"{name}: {told}", flush=True)
        for kind in TRIALS:
            state, text = tried(name, kind, bundle)
            counts[state] += 1
            print(f"{name} {kind}: {state}: {text}", flush=True)
    print(", ".join(f"{number} {state}" for state, number in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
