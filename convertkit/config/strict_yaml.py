"""YAML for settings: no aliases, no key twice, nothing but plain values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """YAML's safe loader without aliases (they can expand without bound) and without duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", None)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuse a key that stands twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # the safe loader's own error follows
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' stands twice", node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
