"""Blame within a run: every artifact of a lower precision, and what the report says of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from convertkit.attribution.blamer import Artifacts, Blamer, lowered_pairs
from convertkit.attribution.files import write_blame
from convertkit.errors import ConvertkitError
from convertkit.render.blame import headline
from convertkit.report.blame import Blame
from convertkit.report.drift import Drift, drift_of
from convertkit.storage.run_folder import RunFolder
from convertkit.workers.pool import Workers

SAMPLE_FILES = ("calibration.npz", "examples.npz")


class Blamed(msgspec.Struct, frozen=True):
    """What comparisons gave.

    Attributes:
        notes: one line for each: the operator that loses most, and where to read on.
    """

    notes: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()


def blame_lowered(
    artifacts: Artifacts, masks: Mapping[str, str], workers: Workers, folder: RunFolder
) -> Blamed:
    """Every artifact of a lower precision beside the float one of its format, also written to the folder.

    Args:
        artifacts: all of the run, also those that failed their gates.
        masks: output of the model → input that rules out its padding.
    """
    samples = next(file for name in SAMPLE_FILES if (file := folder.repro / name).is_file())
    blamer = Blamer(artifacts, samples, workers, folder.scratch, masks=masks)
    notes, blames = list[str](), list[Blame]()
    for pair in lowered_pairs(artifacts):
        try:
            blame = blamer.blame(pair)
        except ConvertkitError as error:
            notes.append(f"blame of {pair.candidate}: {error}")
            continue
        blames.append(blame)
        plot = folder.relative(write_blame(blame, folder.path))
        worst = headline(blame.rows[0]) if blame.rows else "no tensor could be compared"
        notes.append(f"blame of {pair.candidate}: {worst} (see {plot})")
    return Blamed(tuple(notes), drift_of(blames))
