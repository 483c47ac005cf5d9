"""The table of frameworks on a terminal, and as a page of Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from convertkit.measurement.latency import Latency
from convertkit.render.markdown_table import escape, table
from convertkit.render.numbers import (
    DASH,
    format_bytes,
    format_ms,
    format_seconds,
    format_share,
    format_significant,
    format_sqnr_db,
)
from convertkit.render.speed import describe_versus
from convertkit.render.summary import one_line
from convertkit.report.frameworks import EAGER, FRAMEWORKS, FrameworkRow, FrameworkTable, ModelRows

Cell = tuple[str, int | None]
HEADINGS = ("Framework", "Per second", "95 % interval", "p50, ms", "Compile, s")
DETAILS = ("Model", "Batch", "Framework", "p50, ms", "Beside eager mode", "SQNR, dB", "Compile, s")
SHOWN_PACKAGES = ("torch", "transformers", "onnxruntime-gpu", "tensorflow", "ai-edge-litert")
METHOD = """
Each model is built once, with seeded random weights, and converted by `convertkit convert`: every framework
has the same weights, and no figure stands here of outputs that are not those of eager PyTorch (the gate of
float32, on 4 samples; `torch.compile` at the batch that is measured). PyTorch is timed under
`inference_mode`, TensorFlow runs the signature of a SavedModel, LiteRT runs on XNNPACK. Latency is measured
in interleaved rounds ([docs/measurement.md](measurement.md)): the interval is that of the median; what stands
beside eager mode is paired by rounds, and held against the noise, which is what eager mode measured twice
differs from itself. Compiling, loading and first calls are in no figure.
""".strip()
SMALL = "These are tiny models of the same layers: they say nothing of how fast the frameworks are."


def render_frameworks(found: FrameworkTable) -> RenderableType:
    """One table a model and batch; what was not measured below it, with the reason."""
    parts: list[RenderableType] = []
    for model in found.models:
        for batch in batches_of(model):
            rows = [row for row in model.rows if row.latency.batch == batch and row.latency.p50_ms]
            parts += [Text(heading(model, rows)), rows_table(model, rows), Text()]
    return Group(*parts, *map(Text, skipped_lines(found)))


def batches_of(model: ModelRows) -> list[int]:
    """Batches that something was measured with, in order."""
    return list(dict.fromkeys(row.latency.batch for row in model.rows if row.latency.batch))


def heading(model: ModelRows, rows: Sequence[FrameworkRow]) -> str:
    """`ResNet-50, batch 4, images a second; cpu, 1 thread; eager mode twice: within 1.2 %`."""
    first = rows[0].latency
    noise = f"; eager mode twice: within {format_share(first.noise)}" if first.noise is not None else ""
    return f"{model.title}, batch {first.batch}, {model.unit} a second; {setting(first)}{noise}"


def setting(row: Latency) -> str:
    """`cpu, 2 threads`; a GPU's threads are its own."""
    if row.device != "cpu":
        return row.device
    return f"cpu, {row.threads} thread{'' if row.threads == 1 else 's'}"


def rows_table(model: ModelRows, rows: Sequence[FrameworkRow]) -> Table:
    """One line a framework or mode."""
    grid = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(HEADINGS[0], overflow="fold", min_width=12)
    for name in HEADINGS[1:]:
        grid.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        latency = row.latency
        grid.add_row(
            form(row),
            format_significant(latency.samples_per_second),
            format_interval(latency),
            format_ms(latency.p50_ms),
            format_seconds(latency.compile_s) if latency.compiled else "",
        )
    return grid


def form(row: FrameworkRow) -> str:
    """`ONNX Runtime`, `torch.compile default`."""
    return f"torch.compile {row.latency.compiled}" if row.latency.compiled else row.framework


def format_interval(row: Latency) -> str:
    """The interval of samples a second: `11.9–12.4`."""
    if not row.p50_ci95_ms:
        return DASH
    low, high = row.p50_ci95_ms
    return DASH.join(format_significant((row.batch or 1) / end * 1e3) for end in (high, low))


def skipped_lines(found: FrameworkTable) -> list[str]:
    """`GPT-2 in TensorFlow: reason`, each once."""
    lines = [f"{model.title}: {one_line(model.error)}" for model in found.models if model.error]
    lines += [
        f"{model.title} {'by' if row.latency.compiled else 'in'} {form(row)}: {one_line(row.latency.skipped)}"
        for model in found.models
        for row in model.rows
        if row.latency.skipped
    ]
    return list(dict.fromkeys(lines))


def frameworks_page(found: FrameworkTable) -> str:
    """The page: the machine, samples a second with a column for each framework, and the details."""
    lines = ["# Frameworks on the same weights", "", *machine_lines(found), "", *METHOD.splitlines()]
    lines += ["", SMALL] if found.is_small else []
    columns = columns_of(found)
    headings = ("Model", "Batch", "A second", "Device", *columns)
    lines += ["", "## Samples a second", "", *table(headings, [*summary_rows(found, columns)])]
    lines += ["", "## Details", "", *table(DETAILS, [*detail_rows(found)])]
    skipped = skipped_lines(found)
    lines += ["", "## Not measured", "", *(f"* {escape(line)}" for line in skipped)] if skipped else []
    return "\n".join(lines) + "\n"


def machine_lines(found: FrameworkTable) -> list[str]:
    """What ran where, when, and beside what."""
    where, versions = found.environment, found.environment.packages
    gpus = f"; {', '.join(where.gpus)}" if where.gpus else "; no GPU"
    packages = ", ".join(f"{name} {versions[name]}" for name in SHOWN_PACKAGES if name in versions)
    begun, ended = (f"{load:.1f}" for load in found.load)
    return [
        f"By `convertkit table`, {found.started}, in {found.seconds / 60:.0f} minutes: {where.cpu}, "
        f"{found.cores} cores{gpus}; {where.platform.split('-')[0]}, Python {where.python}; {packages}.",
        f"Load of the machine (processes that want the CPU, mean of a minute) before it began: {begun}, "
        f"at its end: {ended}.",
    ]


def columns_of(found: FrameworkTable) -> list[str]:
    """Eager PyTorch, modes of torch.compile that several models were asked for, the other frameworks."""
    counts = Counter(name for model in found.models for name in {form(row) for row in model.rows})
    least = min(2, len(found.models))
    modes = [name for name, count in counts.items() if name not in FRAMEWORKS.values() and count >= least]
    return [EAGER, *sorted(modes), *(name for name in FRAMEWORKS.values() if name != EAGER)]


def summary_rows(found: FrameworkTable, columns: Sequence[str]) -> Iterator[list[str]]:
    """One line a model and batch: `12.3 (12.1–12.5)` under each framework."""
    for model in found.models:
        for batch in batches_of(model):
            rows = {form(row): row.latency for row in model.rows if row.latency.batch == batch}
            first = next(iter(rows.values()))
            cells = [throughput(rows.get(name)) for name in columns]
            yield [model.title, str(batch), model.unit, setting(first), *cells]


def throughput(row: Latency | None) -> str:
    """`12.3 (12.1–12.5)`, or a dash."""
    if row is None or not row.p50_ms:
        return DASH
    return f"{format_significant(row.samples_per_second)} ({format_interval(row)})"


def detail_rows(found: FrameworkTable) -> Iterator[list[str]]:
    """One line for everything that was measured."""
    for model in found.models:
        for row in model.rows:
            latency = row.latency
            if not latency.p50_ms:
                continue
            is_plain = row.framework != EAGER and not latency.compiled
            yield [
                f"{model.title}, {format_bytes(model.weights_bytes)}",
                str(latency.batch),
                form(row),
                format_ms(latency.p50_ms),
                describe_versus(latency.versus[0]) if latency.versus else noise_of(latency),
                format_sqnr_db(row.sqnr_db) if is_plain else DASH,
                format_seconds(latency.compile_s) if latency.compiled else DASH,
            ]


def noise_of(row: Latency) -> str:
    """`twice: within 1.2 %`."""
    return DASH if row.noise is None else f"twice: within {format_share(row.noise)}"
