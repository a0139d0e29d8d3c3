"""What pydantic found wrong with a file, as one sentence with the line, what is valid, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hubferry.errors import ConfigError, UnknownNameError

_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a block of settings",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "is_instance_of": "a block of settings",
    "mapping_type": "a block of settings",
    "model_attributes_type": "a block of settings",
    "model_type": "a block of settings",
    "string_type": "text",
    "tuple_type": "a list",
}


_UNION_WORDS = ("str", "int", "float", "bool", "FieldBlock", "ScheduleBlock", "StreamBlock")


def build_error(
    error: ValidationError, model: type[BaseModel], raw: Any, *, file: str, lines: Mapping[str, int]
) -> ConfigError:
    """Give the first mistake, by line, as a ConfigError; `raw` is the file before `${NAME}` were replaced."""
    found = [_Mistake(details, model, raw) for details in _relevant(error.errors(), raw)]
    found = [mistake for mistake in found if mistake.unknown] or found
    first = min(found, key=lambda mistake: mistake.line(lines))
    more = len({mistake.path for mistake in found}) - 1
    return first.build(file, first.line(lines), f" ({more} more after this one.)" if more else "")


def names_unknown_setting(error: ValidationError) -> bool:
    """Say whether a setting is named that does not exist."""
    return any(details["type"] == "extra_forbidden" for details in error.errors())


def _relevant(errors: Sequence[ErrorDetails], raw: Any) -> Iterator[ErrorDetails]:
    """Of a setting that may be text or a block, keep what is wrong with the shape that was written."""
    for details in errors:
        path, tags = _split(details["loc"], raw)
        if not tags:
            yield details
            continue
        place, tag = tags[0]
        if isinstance(_value(raw, path[:place]), dict) == ("Block" in tag):
            yield details


def _split(loc: Sequence[int | str], raw: Any) -> tuple[tuple[str, ...], list[tuple[int, str]]]:
    """Part a location into the path in the file, and pydantic's own words for members of a union."""
    path: list[str] = []
    tags: list[tuple[int, str]] = []
    here = raw
    for part in loc:
        tag = isinstance(part, str) and (part in _UNION_WORDS or "[" in part)
        if tag and not (isinstance(here, dict) and part in here):
            tags.append((len(path), str(part)))
            continue
        path.append(str(part))
        here = _step(here, part)
    return tuple(path), tags


def _step(here: Any, part: int | str) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    return here[part] if isinstance(here, list) and isinstance(part, int) and part < len(here) else None


def _value(raw: Any, path: Sequence[str]) -> Any:
    for part in path:
        raw = _step(raw, int(part) if isinstance(raw, list) and part.isdigit() else part)
    return raw


class _Mistake:
    def __init__(self, details: ErrorDetails, model: type[BaseModel], raw: Any) -> None:
        self.details, self.model = details, model
        self.path, _ = _split(details["loc"], raw)
        self.raw = _value(raw, self.path)

    @property
    def unknown(self) -> bool:
        """Say whether a setting is named that does not exist: that explains the missing one beside it."""
        return self.details["type"] == "extra_forbidden"

    def line(self, lines: Mapping[str, int]) -> int:
        """Give the line of the setting, or of the nearest block around it."""
        path = ".".join(self.path)
        while path and path not in lines:
            path = path.rpartition(".")[0]
        return lines.get(path, 1)

    def build(self, file: str, line: int, more: str) -> ConfigError:
        kind, name = self.details["type"], ".".join(self.path)
        if kind == "extra_forbidden":
            known = settings(block_at(self.model, self.path[:-1]))
            inside = f" in {'.'.join(self.path[:-1])}" if self.path[:-1] else ""
            return UnknownNameError(f"setting{inside}:", self.path[-1], known=known, file=file, line=line)
        if kind == "literal_error" and isinstance(self.raw, str):
            return UnknownNameError(f"value of {name}:", self.raw, known=self.choices(), file=file, line=line)
        return ConfigError(f"{self.sentence(kind, name)}{more}", file=file, line=line)

    def choices(self) -> list[str]:
        expected = str(self.details.get("ctx", {}).get("expected", ""))
        return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]

    def sentence(self, kind: str, name: str) -> str:
        context = self.details.get("ctx", {})
        if kind == "missing":
            return f"the setting {name!r} is missing. Add a line `{self.path[-1]}: ...`."
        if kind == "value_error":
            return f"{name or 'this file'}: {context.get('error')}"
        if kind == "literal_error":
            return f"{name} must be one of {', '.join(self.choices())}."
        if kind in _WANTED:
            return f"{name} must be {_WANTED[kind]}{self.instead()}."
        bounds = {"greater_than_equal": "at least", "less_than_equal": "at most"}
        if kind in bounds:
            return f"{name} must be {bounds[kind]} {context.get('ge', context.get('le'))}."
        return f"{name}: {self.details['msg']}."

    def instead(self) -> str:
        if self.raw is None:
            return ", and nothing stands there. Write a value or delete the line"
        if isinstance(self.raw, bool) and self.details["type"] == "string_type":
            return ", and YAML reads this word as true or false. Put it in quotes"
        names = {
            dict: "a block",
            list: "a list",
            str: "text",
            bool: "true or false",
            int: "a number",
            float: "a number",
        }
        return f", not {names.get(type(self.raw), 'this')}"


def block_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """Find the block that a path of settings leads to."""
    here: Any = model
    for part in path:
        block = _block_in(here)
        fields = {info.alias or name: info for name, info in block.model_fields.items()} if block else {}
        if part in fields and isinstance(here, type):
            here = fields[part].annotation
        elif not isinstance(here, type) or here is dict:
            here = next(
                (each for each in _members(here) if _block_in(each)), here
            )  # a key of a mapping, an item of a list
    return _block_in(here)


def settings(block: type[BaseModel] | None) -> list[str]:
    """Give the names that may stand in a block."""
    return [info.alias or name for name, info in block.model_fields.items()] if block else []


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)


def _block_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _block_in(each))), None)
