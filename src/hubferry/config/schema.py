"""The JSON Schemas of both files, generated from the definitions that validate them; editors complete and check by them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from hubferry.config.model import ProjectFile, SyncBlock

SCHEMAS: dict[str, type[BaseModel]] = {"hubferry.schema.json": ProjectFile, "sync.schema.json": SyncBlock}
"""File name -> the definition of that file."""

TITLES = {"hubferry.schema.json": "hubferry.yml", "sync.schema.json": "syncs/NAME.yml"}


def build_schema(name: str) -> dict[str, Any]:
    """Give one JSON Schema as a value."""
    schema = SCHEMAS[name].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": TITLES[name]}


def render_schema(name: str) -> str:
    """Give one JSON Schema as the text of its file."""
    return json.dumps(build_schema(name), indent=2, ensure_ascii=False) + "\n"
