"""Metadata of a kit's `.tflite` read by MediaPipe's classes: `python -m benchmarks.kits_metadata FOLDER`."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

SCHEMAS = Path("build/kits/wheels/mediapipe/tasks/metadata")


def metadata_of(content: bytes) -> Any:
    """The metadata that a `.tflite` holds, as MediaPipe's object of it."""
    sys.path.insert(0, str(SCHEMAS))
    import metadata_schema_py_generated as metadata
    import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(content, 0)
    entries = [model.Metadata(place) for place in range(model.MetadataLength())]
    (entry,) = [each for each in entries if each.Name() == b"TFLITE_METADATA"]
    data = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert metadata.ModelMetadata.ModelMetadataBufferHasIdentifier(data, 0)
    return metadata.ModelMetadataT.InitFromObj(metadata.ModelMetadata.GetRootAsModelMetadata(data, 0))


def check(home: Path) -> str:
    """Names, and labels where there are some, are those of the kit's own files."""
    file = home / "model.tflite"
    (graph,) = metadata_of(file.read_bytes()).subgraphMetadata
    signature = json.loads((home / "signature.json").read_bytes())
    found = {
        "inputs": [each.name.decode() for each in graph.inputTensorMetadata],
        "outputs": [each.name.decode() for each in graph.outputTensorMetadata],
    }
    for side, names in found.items():
        assert sorted(names) == sorted(each["name"] for each in signature[side])
    said = f"metadata of {sum(map(len, found.values()))} tensors"
    if not (home / "labels.txt").is_file():
        return said
    files = [each.name.decode() for one in graph.outputTensorMetadata for each in one.associatedFiles or ()]
    with zipfile.ZipFile(file) as archive:
        assert archive.read(files[0]) == (home / "labels.txt").read_bytes()
    return f"{said}, {len((home / 'labels.txt').read_text().splitlines())} labels"


if __name__ == "__main__":
    print(check(Path(sys.argv[1])))
