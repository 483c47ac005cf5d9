"""What both quantizations of torch.ao share: the forms of a model, coverage, remarks. Runs in a worker."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.causes import first_line
from convertkit.errors import ConvertkitError, StageError
from convertkit.pytorch.graph import export, layered
from convertkit.pytorch.half import widen_graph
from convertkit.pytorch.load import load_model
from convertkit.pytorch.own_layers import has_own_layers, settle_classes

MAX_LISTED = 4
RECURRENT = (nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
PARTS = "the module, part by part"
OWN_FOLDERS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))

Quantize = Callable[[nn.Module], nn.Module]


class Quantized(msgspec.Struct, frozen=True):
    """A quantized model, and which of its weights it left float.

    Attributes:
        form: what was quantized: `the module`, `its exported graph`, `the exported program`, or PARTS.
        weights: values in all weights of the float model, by name; a weight has two axes or more.
        left: those still float.
        remark: why other forms were not taken; empty where they were not needed.
    """

    model: nn.Module
    form: str
    weights: dict[str, int]
    left: dict[str, int]
    remark: str = ""

    @property
    def has_integers(self) -> bool:
        """True where anything was quantized."""
        return sum(self.left.values()) < sum(self.weights.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report: how much is INT8, what is not, and why."""
        return (self.coverage, self.remark) if self.remark else (self.coverage,)

    @property
    def coverage(self) -> str:
        """How much is INT8, and what is not, one line."""
        share = 1 - sum(self.left.values()) / sum(self.weights.values())
        done = len(self.weights) - len(self.left)
        line = f"{done} of {len(self.weights)} weights of {self.form} are INT8, {share:.0%} of their values"
        if not self.left:
            return line
        names = sorted(self.left, key=lambda name: -self.left[name])
        more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
        return f"{line}; float: {', '.join(names[:MAX_LISTED])}{more}"


def quantize_forms(
    source: Artifact,
    examples: Arrays,
    quantize: Quantize,
    ranks: tuple[int, ...],
    quantize_parts: Quantize | None = None,
) -> Quantized:
    """Quantize a model in the form in which the fewest weights stay float.

    Args:
        ranks: of the weights that `quantize` is for; the next form is tried while one of these stays float.
        quantize_parts: what to do with a module of which no form can be quantized as a whole.

    Raises:
        StageError: no form can be quantized, or nothing in any of them was.
    """
    best: Quantized | None = None
    faults: list[str] = []
    kinds = ""
    for form, build in forms(source, examples, ranks):
        if form == PARTS and (quantize_parts is None or (best is not None and best.has_integers)):
            continue
        try:
            model = build()
            kinds = kinds or layer_kinds(model)
            weights = float_weights(model)
            act = quantize_parts if form == PARTS and quantize_parts else quantize
            made = act(copy.deepcopy(model))
        except ConvertkitError:
            raise
        except Exception as error:  # a tracer runs the model's own code, which may raise anything
            faults.append(f"{form}: {fault(error)}")
            continue
        left = float_weights(made)
        if best is None or sum(left.values()) < sum(best.left.values()):
            best = Quantized(made, form, weights, left, "; ".join(faults))
        if not has_rank(made, ranks):
            break
    if best is None:
        raise StageError(f"the model cannot be quantized; {'; '.join(faults)}"[:400])
    if not best.has_integers:
        raise StageError(f"nothing in this model could be quantized: it has {kinds}"[:300])
    return best


def layer_kinds(model: nn.Module) -> str:
    """The types of a model's layers, as words."""
    layers = {type(module).__name__ for module in model.modules() if not list(module.children())}
    return ", ".join(sorted(layers)) or "no layers"


def forms(
    source: Artifact, examples: Arrays, ranks: tuple[int, ...]
) -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    """The forms of a model that quantization takes, each with what builds it.

    A module with layers of its own classes is exported first: only PyTorch's own are folded and fused.

    Raises:
        StageError: the file has none.
    """
    assert source.loader is not None
    if source.loader.kind == "torchscript":
        raise StageError(
            "TorchScript cannot be quantized any more",
            hint="give the state dict with --factory, or the exported program (.pt2)",
        )
    if source.half or source.loader.kind == "exported-program":
        yield "the exported program", lambda: layered(program_of(source, examples))
        return
    model = load_model(source.path, source.loader)
    assert isinstance(model, nn.Module)
    settle_classes(model)
    both: list[tuple[str, Callable[[], nn.Module]]] = [
        ("the module", lambda: model),
        ("its exported graph", lambda: layered(export(model, source.signature, examples))),
    ]
    yield from reversed(both) if has_own_layers(model, ranks) else both
    yield PARTS, lambda: model


def program_of(source: Artifact, examples: Arrays) -> torch.export.ExportedProgram:
    """The source as an exported program that computes in float32.

    Raises:
        StageError: it is TorchScript, which cannot be exported.
    """
    assert source.loader is not None
    if source.loader.kind == "torchscript":
        raise StageError(
            "TorchScript cannot be quantized any more",
            hint="give the state dict with --factory, or the exported program (.pt2)",
        )
    if source.loader.kind == "exported-program":
        program = torch.export.load(source.path)
    else:
        model = load_model(source.path, source.loader)
        assert isinstance(model, nn.Module)
        program = export(model, source.signature, examples)
    if not source.half:
        return program
    wide: Any = program.module(check_guards=False)
    return export(widen_graph(wide), source.signature, examples)


def float_weights(model: nn.Module) -> dict[str, int]:
    """Number of values in every parameter of two or more axes that is float."""
    return {
        name: parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.dim() > 1 and parameter.is_floating_point()
    }


def has_rank(model: nn.Module, ranks: tuple[int, ...]) -> bool:
    """True where a float weight of one of these ranks is left."""
    return any(p.dim() in ranks and p.is_floating_point() for p in model.parameters())


def fault(error: BaseException) -> str:
    """An error in one line, with the module and the line of the user's code that it comes from."""
    text = f"{type(error).__name__}: {first_line(error)}"[:160]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = frame.f_code.co_filename
        if path.startswith(("<", *OWN_FOLDERS)) or path.endswith("typing_extensions.py"):
            continue
        owner = frame.f_locals.get("self")
        where = (
            f"{type(owner).__name__}.{frame.f_code.co_name}" if owner is not None else frame.f_code.co_name
        )
        return f"{text} in {where}, {Path(path).name} line {line}"
    return text
