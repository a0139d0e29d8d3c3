"""Rows from HubSpot's results, where a result is not a record with properties. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from hubferry.streams.definition import Raw


def parse_time(text: str | None) -> datetime | None:
    """Read HubSpot's ISO time; None where there is none."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def parse_owner(raw: Raw) -> Raw:
    """Give the row of an owner."""
    return {
        "id": str(raw["id"]),
        "created_at": parse_time(raw.get("createdAt")),
        "updated_at": parse_time(raw.get("updatedAt")),
        "archived": bool(raw.get("archived", False)),
        "email": raw.get("email"),
        "type": raw.get("type"),
        "first_name": raw.get("firstName"),
        "last_name": raw.get("lastName"),
        "user_id": _integer(raw.get("userId")),
        "user_id_including_inactive": _integer(raw.get("userIdIncludingInactive")),
        "teams": _json(raw.get("teams")),
    }


def parse_pipeline(raw: Raw) -> Raw:
    """Give the row of a pipeline. Its date is the newest of it and its stages: HubSpot need not move it with them."""
    stages = raw.get("stages", ())
    dates = [date for each in (raw, *stages) if (date := parse_time(each.get("updatedAt")))]
    return {
        "id": str(raw["id"]),
        "created_at": parse_time(raw.get("createdAt")),
        "updated_at": max(dates, default=None),
        "archived": bool(raw.get("archived", False)),
        "label": raw.get("label"),
        "display_order": _integer(raw.get("displayOrder")),
        "stages": _json(sorted(stages, key=lambda stage: (stage.get("displayOrder", 0), str(stage["id"])))),
    }


def parse_pipeline_alone(raw: Raw) -> Iterator[Raw]:
    """Give the row of a pipeline in the table of all objects' pipelines."""
    row = parse_pipeline(raw)
    yield {name: value for name, value in row.items() if name != "stages"}


def parse_stages(raw: Raw) -> Iterator[Raw]:
    """Give the rows of a pipeline's stages."""
    for stage in raw.get("stages", ()):
        metadata = stage.get("metadata") or {}
        closed = metadata.get("isClosed")
        yield {
            "pipeline_id": str(raw["id"]),
            "id": str(stage["id"]),
            "created_at": parse_time(stage.get("createdAt")),
            "updated_at": parse_time(stage.get("updatedAt")),
            "archived": bool(stage.get("archived", False)),
            "label": stage.get("label"),
            "display_order": _integer(stage.get("displayOrder")),
            "is_closed": None if closed is None else str(closed).lower() == "true",
            "metadata": _json(metadata),
        }


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value))


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
