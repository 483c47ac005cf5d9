"""What became of the attempts at one hop: when it ends, and which attempt decides. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Signature
from convertkit.config.attempts import StageOptions
from convertkit.environment.extras import usable
from convertkit.errors import OWN_DEATHS, ConvertkitError, is_worker_lost
from convertkit.hops.attempt import Made, best_of
from convertkit.report.report import Attempt


class Tried(msgspec.Struct, frozen=True):
    """One attempt: what it made, or the error it ended with.

    Attributes:
        record: what the report says of it.
        fixed: free axes of the hop's source that what it made fixes without being asked to.
    """

    record: Attempt
    made: Made | None = None
    error: ConvertkitError | None = None
    fixed: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        """True where it made an artifact that passed its gate."""
        return self.record.status == "passed"

    @property
    def is_lost(self) -> bool:
        """True where its worker was killed or passed a limit, which says nothing of the converter."""
        return is_worker_lost(self.error)

    @property
    def is_crashed(self) -> bool:
        """True where two workers in a row ended themselves: the converter, or what it made, does that."""
        return isinstance(self.error, OWN_DEATHS)


def ends_hop(one: Tried, *, are_rivals: bool) -> bool:
    """True where no further attempt is made.

    A worker that died is no converter that declines: another converter's artifact would ship in silence. Of
    rivals, which are all made anyway, one that crashes leaves the others, and the report says so. An artifact
    that passes and fixes a free axis is kept where no other attempt leaves it free.
    """
    return one.is_lost or (not are_rivals and ((one.is_passed and not one.fixed) or one.is_crashed))


def may_try_more(tried: Sequence[Tried]) -> bool:
    """True where no attempt passed though one was compared with the source, and no worker was lost.

    What a delegate leaves is a matter of operators, which no other numbers mend.
    """
    compared = [one.made for one in tried if one.made and one.made.judgement.vs_source is not None]
    is_settled = any(one.is_passed or one.is_lost for one in tried) or any(map(is_left, compared))
    return bool(compared) and not is_settled


def is_left(made: Made) -> bool:
    """True where its outputs passed, and a delegate that the gate names would leave some of its operators."""
    delegation = made.judgement.delegation
    return delegation is not None and delegation.is_fault(made.judgement.reason)


def further_attempts(
    asked: StageOptions, precision: Precision, tried: Sequence[Tried], *, can_refine: bool
) -> Iterator[StageOptions]:
    """What to try after the first attempts: plain ones, and where nothing has passed all others.

    Those are all second attempts, which are rivals as plain ones are, then last ones in turn.

    Args:
        tried: as it stands whenever the next one is asked for.
        can_refine: whether attempts of which weights are rounded before the stage can be made.
    """
    yield from usable(plain_attempts(asked, tried))
    if may_try_more(tried):
        for options in usable(asked.second_attempts(precision=precision)):
            if options.grid and not can_refine:
                continue
            yield options
            if tried[-1].is_lost:
                return
    for options in usable(asked.last_attempts(precision=precision)):
        if may_try_more(tried):
            yield options


def plain_attempts(asked: StageOptions, tried: Sequence[Tried]) -> tuple[StageOptions, ...]:
    """What to make as well where all ways are asked for; nothing where a worker was lost."""
    made = [one.made for one in tried if one.made is not None and one.made.refinement is None]
    done = {each.name for one in made for each in one.stored.transformations}
    return () if any(one.is_lost for one in tried) else tuple(asked.plain_attempts(done))


def decisive(tried: Sequence[Tried], *, are_rivals: bool) -> int:
    """The number of the attempt whose artifact, or whose error, is the hop's.

    Of attempts in turn the one that passed, else the one that came furthest: an artifact that agreed with the
    source before one that was compared, that before one that does not run, and any before none; of equals the
    one that fixes the fewest free axes, then the first, which is the preferred one. A worker that was killed
    or passed a limit goes before all of them.
    """
    if tried[-1].is_lost:
        return len(tried) - 1
    made = {number: one.made for number, one in enumerate(tried) if one.made is not None}
    if not made:
        return 0
    if are_rivals:
        return best_of(made)
    return max(made, key=lambda number: (distance(made[number]), -len(tried[number].fixed), -number))


def fit_for(source: Artifact, chosen: Sequence[StageOptions]) -> tuple[StageOptions, ...]:
    """The attempts that can serve for a source of its kind; all of them where none can, for what they say."""
    kind = source.loader.kind if source.loader else ""
    return tuple(options for options in chosen if options.takes(kind)) or tuple(chosen)


def fixed_axes(source: Signature, made: Signature) -> tuple[str, ...]:
    """The free axes of a source's inputs that are numbers in what was made of it."""
    shapes = {spec.name: spec.logical_shape for spec in made.inputs}
    return tuple(
        dict.fromkeys(
            word
            for spec in source.inputs
            for axis, word in spec.dynamic_axes.items()
            if spec.name in shapes and isinstance(shapes[spec.name][axis], int)
        )
    )


def distance(made: Made) -> int:
    """How far an artifact came: 3 passed, 2 agreed with the source, 1 was compared, 0 did not run."""
    judgement = made.judgement
    if not judgement.reason:
        return 3
    compared = judgement.vs_source
    return 0 if compared is None else 1 + compared.is_passed


def preferred(tried: Sequence[Tried], number: int, *, are_rivals: bool) -> str:
    """Who should have made what attempt `number` made, and did not; empty where nobody else should have.

    Of attempts in turn that is the first one, unless it passed (and fixed a free axis); of rivals one that
    crashed.
    """
    if are_rivals:
        return next((one.record.converter for one in tried if one.is_crashed), "")
    return "" if number == 0 or tried[0].is_passed else told_apart(tried[0].record, tried[number].record)


def fixed_notes(tried: Sequence[Tried], number: int) -> tuple[str, ...]:
    """Why attempts that passed were passed over for attempt `number`: the free axes that they fix."""
    return tuple(
        f"{one.record.converter} fixes the free axis {', '.join(one.fixed)}: "
        f"{tried[number].record.converter} serves"
        for place, one in enumerate(tried)
        if place != number and one.is_passed and set(one.fixed) - set(tried[number].fixed)
    )


def told_apart(one: Attempt, other: Attempt) -> str:
    """The converter of `one`; with the options that differ where `other` is the same converter's."""
    if one.converter != other.converter:
        return one.converter
    differing = [f"{key}={value}" for key, value in one.options.items() if other.options.get(key) != value]
    return f"{one.converter} ({', '.join(differing)})" if differing else one.converter


def other_converter(stage: str, options: StageOptions, others: Sequence[StageOptions]) -> str:
    """The setting that asks for the next converter, `stages.torch_to_onnx.exporter=torchscript`, if any."""
    for other in others:
        fields: tuple[str, ...] = type(other).__struct_fields__  # type: ignore[attr-defined]
        for name in fields:
            if other.converter == getattr(other, name) != getattr(options, name):
                return f"stages.{stage}.{name}={other.converter}"
    return ""


def with_hint(one: Tried, setting: str) -> Tried:
    """The attempt with a hint how to go on, where it crashed and there is another converter."""
    if not one.is_crashed or not setting:
        return one
    error = f"{one.record.error}; to take another converter: --set {setting}"
    return msgspec.structs.replace(one, record=msgspec.structs.replace(one.record, error=error))
