"""What is measured on a GPU, in which order. Imports no framework."""

from __future__ import annotations

from pathlib import Path

import msgspec

EAGER = ("eager", "compile default", "compile reduce-overhead", "onnxruntime", "onnxruntime graph")
ROUNDED = ("eager tf32", "compile reduce-overhead tf32", "onnxruntime tf32")
TUNED = ("eager", "compile max-autotune")
BATCHES = {"mlp": (1, 1000), "resnet-50": (1, 128), "bert-base": (1, 32), "vit-b16": (1, 64), "gpt2": (1, 16)}
"""A call of one sample, and the batch of the seed's table."""
QUICK_BATCHES = {"mlp": (1, 8)}


WARMING = ".warming"


class Order(msgspec.Struct, frozen=True):
    """What a process measures.

    Attributes:
        forms: `eager`, `compile MODE`, `onnxruntime`, `onnxruntime graph`; `tf32` behind a form lets float32
            products round their operands to 10 bits.
        is_warming: only make what compilers keep on disk; the rows say how long the first calls took.
        is_last: begun when all others are done: its compiler measures kernels itself, for minutes.
    """

    model: str
    precision: str
    device: str
    folder: str
    rows: str
    forms: tuple[str, ...]
    batches: tuple[int, ...]
    rounds: int = 15
    threads: int = 1
    is_warming: bool = False
    is_last: bool = False

    @property
    def compiled_forms(self) -> tuple[str, ...]:
        """Those that a compiler has to make."""
        return tuple(form for form in self.forms if form.startswith("compile"))

    def warming(self) -> Order:
        """The same without measuring, its compiled forms alone."""
        return msgspec.structs.replace(
            self, forms=self.compiled_forms, rows=f"{self.rows}{WARMING}", is_warming=True
        )


def orders(device: str, folder: Path, rows: Path, is_quick: bool) -> list[Order]:
    """All of them: float32 and float16 of every model, then what tunes kernels."""
    made = []
    for model, (one, many) in BATCHES.items():
        batches = QUICK_BATCHES.get(model, (1, 2)) if is_quick else (one, many)
        kept = {"device": device, "folder": str(folder), "rows": str(rows), "rounds": 3 if is_quick else 15}
        forms = (*EAGER, *ROUNDED) if device != "cpu" else EAGER[:-1]
        made.append(Order(model, "float32", forms=forms, batches=batches, **kept))
        made.append(Order(model, "float16", forms=forms[: len(EAGER)], batches=batches, **kept))
        made.append(Order(model, "float32", forms=TUNED, batches=batches[1:], is_last=True, **kept))
    return sorted(made, key=lambda order: (order.precision != "float32", order.is_last))
