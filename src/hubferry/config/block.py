"""What every block of hubferry.yml and syncs/*.yml is: frozen, strict about its keys, its secrets named and never held."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field


class Block(BaseModel):
    """A frozen part of a file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


SecretReference = Annotated[str, Field(json_schema_extra={"secret": True})]
"""`${NAME}`, never the secret itself; it is looked up where it is used."""


def find_secrets(block: type[BaseModel], path: str = "") -> Iterator[str]:
    """Give the dotted path of every setting that holds a SecretReference; blocks in lists and mappings are not looked into."""
    for name, info in block.model_fields.items():
        below = f"{path}.{info.alias or name}".lstrip(".")
        united = get_origin(info.annotation) in (Union, UnionType)
        members = get_args(info.annotation) if united else (info.annotation,)
        if _is_secret(info) or any(_is_secret(each) for member in members for each in get_args(member)[1:]):
            yield below
        for each in members:
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from find_secrets(each, below)


def _is_secret(told: object) -> bool:
    extra = getattr(told, "json_schema_extra", None)
    return isinstance(extra, dict) and bool(extra.get("secret"))
