"""YAML as plain values, with the line of every setting, so that a message can point at it.

Stricter than YAML: a repeated key is an error, and a key is its text (`on`, `no` and `1` are names, not values).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from hubferry.errors import ConfigError


@dataclass(frozen=True)
class Parsed:
    """One file: its values, and the line of each by dotted path (`fields.email`, `associations.0.by`)."""

    data: Any
    lines: dict[str, int]


def parse_yaml(text: str, *, file: str) -> Parsed:
    """Read one YAML document; raises ConfigError with the line of the mistake."""
    try:
        loader = yaml.SafeLoader(text)
        # A date stays the text that was written: no setting is a date.
        loader.yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in loader.yaml_implicit_resolvers.items()
        }
        node = loader.get_single_node()
        builder = _Builder(loader, file)
        return Parsed(builder.build(node, "") if node is not None else None, builder.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(_explain(error, text, mark), file=file, line=mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise ConfigError(
            "holds a character that YAML does not allow. Save the file as plain UTF-8 text.", file=file
        ) from None


def _explain(error: yaml.MarkedYAMLError, text: str, mark: yaml.Mark | None) -> str:
    """Say what is wrong without the snippet that PyYAML adds: a line of the file may hold a secret."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "the line is indented with a tab. YAML takes spaces only: replace the tab with two spaces."
    problem = error.problem or "cannot be read"
    if "mapping values are not allowed" in problem:
        return "a `:` where none can stand. Quote a text that holds a colon, and check the indentation of this line."
    return f"not valid YAML: {problem}. Check indentation, quotes and brackets at this line."


@dataclass
class _Builder:
    loader: yaml.SafeLoader
    file: str
    lines: dict[str, int] = field(default_factory=dict)
    open_nodes: list[yaml.Node] = field(default_factory=list)

    def build(self, node: yaml.Node, path: str) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self.loader.construct_object(node)
        if any(node is parent for parent in self.open_nodes):
            raise self.mistake(node, "an alias that holds itself. Write the value out.")
        self.open_nodes.append(node)
        built = self.mapping(node, path) if isinstance(node, yaml.MappingNode) else self.sequence(node, path)
        self.open_nodes.pop()
        return built

    def sequence(self, node: yaml.Node, path: str) -> list[Any]:
        return [self.build(item, _join(path, str(number))) for number, item in enumerate(node.value)]

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        self.refuse_repeats(node)
        self.loader.flatten_mapping(node)  # `<<: *defaults`
        built: dict[str, Any] = {}
        for key, value in node.value:
            name = _join(path, key.value)
            self.lines[name] = key.start_mark.line + 1
            built[key.value] = self.build(value, name)
        return built

    def refuse_repeats(self, node: yaml.MappingNode) -> None:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self.mistake(key, "a list or block stands where a name belongs. Quote it if it is a name.")
            if key.value in seen:
                raise self.mistake(key, f"{key.value!r} stands here and on line {seen[key.value]}. Keep one of them.")
            seen[key.value] = line

    def mistake(self, node: yaml.Node, message: str) -> ConfigError:
        return ConfigError(message, file=self.file, line=node.start_mark.line + 1)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
