"""What to know of torch.ao.quantization, by the version of PyTorch that is installed; imports none of it."""

from __future__ import annotations

from convertkit.environment.extras import find_version
from convertkit.plan import Hop
from convertkit.recipe import Recipe
from convertkit.registry import ExtraRow

NEWEST_KNOWN = (2, 14)
TORCH = ExtraRow("torch", "torch", "torch", "")


def deprecation_notes(hops: list[Hop], recipe: Recipe) -> tuple[str, ...]:
    """One line for the whole run, where any hop rests on it."""
    options = [getattr(recipe.stages, hop.stage.name) for hop in hops]
    if not any(getattr(one, "backend", "") == "torch.ao" for one in options):
        return ()
    version = (find_version(TORCH) or "unknown").partition("+")[0]
    return (deprecation_note(version),)


def deprecation_note(version: str) -> str:
    """What to know of it in this version."""
    known = ".".join(str(part) for part in NEWEST_KNOWN)
    note = f"torch.ao.quantization is deprecated upstream; it is present and works through PyTorch {known}"
    parts = version.split(".")[:2]
    if all(part.isdigit() for part in parts) and tuple(map(int, parts)) > NEWEST_KNOWN:
        return f"{note}, and this is {version}; --backend pt2e does without it"
    return f"{note} (this is {version}); --backend pt2e makes the same variants without it"
