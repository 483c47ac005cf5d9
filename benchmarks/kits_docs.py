"""The shell blocks of the pages on what ships, run in their order: `python -m benchmarks.kits_docs`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("bundle", "android", "ios", "web", "serving")
WORK = Path("build/kits/docs")
CLASSES = 10


def commands(page: str) -> Iterator[str]:
    """The lines of a page's shell blocks, those that go on joined."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from filter(None, block.replace("\\\n", " ").splitlines())


def main() -> int:
    """Run them all in one folder; 1 where one fails."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    shutil.copy(ROOT / "fixtures/digits/model.pt2", WORK / "classifier.pt2")
    shutil.copy(ROOT / "fixtures/digits/samples.npz", WORK)
    (WORK / "labels.txt").write_text("".join(f"digit {number}\n" for number in range(CLASSES)))
    path = f"{Path(sys.executable).absolute().parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    failed = count = 0
    for page in PAGES:
        for command in commands(page):
            done = subprocess.run(
                command, shell=True, cwd=WORK, env=environment, capture_output=True, text=True, check=False
            )
            count += 1
            failed += done.returncode != 0
            last = (done.stdout + done.stderr).strip().splitlines()[-1:] if done.returncode else []
            print(f"{page}: {command}: {done.returncode} {' '.join(last)}", flush=True)
    print(f"{count} commands of {len(PAGES)} pages, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
