"""The JSON schema of `report.json`, from the types that write it. Must not be edited by hand."""

from __future__ import annotations

from typing import Any

import msgspec

from convertkit.report.report import SCHEMA_VERSION, Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """The schema of version 1: what every report of this release holds; later ones may hold more."""
    schema = msgspec.json.schema(Report)
    definitions = {name: relaxed(one) for name, one in schema["$defs"].items()}
    title = f"report.json of convertkit, schema version {SCHEMA_VERSION}"
    return {"$schema": DIALECT, "title": title, "$ref": schema["$ref"], "$defs": definitions}


def relaxed(definition: dict[str, Any]) -> dict[str, Any]:
    """A record that may have further fields: they are added from release to release."""
    return {key: value for key, value in definition.items() if key != "additionalProperties"}


def schema_text() -> str:
    """As the file `docs/report.schema.json`."""
    return msgspec.json.format(msgspec.json.encode(report_schema()), indent=2).decode() + "\n"
