"""Parts of `report.md`: the source, the samples and the environment, and where the time goes."""

from __future__ import annotations

from convertkit.measurement.profile import Profile
from convertkit.render.markdown_table import escape, table
from convertkit.render.profile import OPERATOR_HEADINGS, operator_rows, profile_heading
from convertkit.report.report import Report


def profile_lines(profile: Profile | None, whose: str = "") -> list[str]:
    """The operators that take the time, or why there are none; nothing where none were asked for."""
    if profile is None:
        return []
    heading = ["", escape(f"{whose}{profile_heading(profile)}")]
    return heading if not profile.top else [*heading, "", *table(OPERATOR_HEADINGS, operator_rows(profile))]


def run_lines(report: Report) -> list[str]:
    """The source, the samples and the environment."""
    source, samples, place = report.source, report.samples, report.environment
    inputs = ", ".join(spec.describe() for spec in source.inputs)
    outputs = ", ".join(spec.describe() for spec in source.outputs)
    split = f"{samples.calibration} calibration, {samples.validation} validation"
    return [
        "## Source, samples, environment",
        "",
        f"- source: {escape(source.path)} ({escape(source.kind)}), sha256 {escape(source.sha256)}",
        f"- inputs: {escape(inputs)}; outputs: {escape(outputs)}",
        f"- samples: {samples.count} ({escape(samples.origin)}): {split}; sha256 {escape(samples.sha256)}",
        *(
            [f"- calibration samples of their own: sha256 {escape(samples.calibration_sha256)}"]
            if samples.calibration_sha256
            else []
        ),
        f"- convertkit {escape(report.convertkit)}, Python {escape(place.python)}, {escape(place.platform)}",
        f"- CPU: {escape(place.cpu)}; GPUs: {escape(', '.join(place.gpus) or 'none')}",
        "",
        *table(("Package", "Version"), sorted(place.packages.items())),
        *profile_lines(report.source_profile, "The source, "),
    ]
