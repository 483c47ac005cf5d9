"""A module in memory: what is told of its inputs holds under the names that its file has."""

from __future__ import annotations

from convertkit.run.in_memory import told
from convertkit.samples.asked import Asked


def test_what_was_told_keeps_its_sizes_and_bounds_under_the_files_names() -> None:
    asked = Asked.of(["x:float32[batch,3,width=16..64]", "h:float32[2,batch,8]", "depth=2.."])
    words = told(asked, ["image", "state"])
    assert words == (
        "image:float32[batch,3,width]",
        "state:float32[2,batch,8]",
        "width=16..64",
        "depth=2..",
    )
    again = Asked.of(words)
    assert again.ranges == asked.ranges
    assert [spec.shape for spec in again.inputs] == [spec.shape for spec in asked.inputs]
