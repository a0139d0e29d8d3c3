"""An object's pipelines and their stages, as options of the properties that hold them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from hubferry.errors import RefusedError
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Option


@dataclass(frozen=True)
class Pipeline:
    """One pipeline by id and label, with its stages in order."""

    option: Option
    stages: tuple[Option, ...]


class _Stage(msgspec.Struct):
    id: str
    label: str = ""
    archived: bool = False


class _Pipeline(msgspec.Struct):
    id: str
    label: str = ""
    archived: bool = False
    stages: list[_Stage] = []


class _Answer(msgspec.Struct):
    results: list[_Pipeline] = []


def fetch_pipelines(client: Client, object_name: str) -> tuple[Pipeline, ...]:
    """Read an object's pipelines; none where HubSpot says that it has no such thing."""
    try:
        found = client.fetch(f"/crm/pipelines/{{version}}/{object_name}", type=_Answer).value.results
    except RefusedError:
        return ()
    return tuple(
        Pipeline(
            Option(each.id, each.label),
            tuple(Option(stage.id, stage.label) for stage in each.stages if not stage.archived),
        )
        for each in found
        if not each.archived
    )
