"""Associations of an import: between the records of a row, and to records that a cell names. None is ever removed (HS-68)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hubspot_emulator import associations, values, writing
from hubspot_emulator.association_types import USER_DEFINED, LinkType, TypeKey
from hubspot_emulator.imports import tables
from hubspot_emulator.imports.request import Column
from hubspot_emulator.imports.sheets import IMPORT_KEYS
from hubspot_emulator.imports.tables import StoredRow
from hubspot_emulator.imports.work import Work

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}")
_DOMAIN_VALUE = "lower(json_extract(CAST(properties AS TEXT), '$.domain'))"


class LinkError(Exception):
    """A cell names a record or a label that is not there."""

    def __init__(self, error_type: str, message: str, value: str) -> None:
        super().__init__(message)
        self.error_type, self.message, self.value = error_type, message, value


class End(NamedTuple):
    """One side of a link."""

    type_id: str
    id: int


def companies_of(portal: Portal, text: str) -> list[int]:
    """Give the live companies of a domain; the first import that asks makes an index for it."""
    name = portal.table("0-2").name
    index = f"{name}_domain"
    portal.db.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {name} ({_DOMAIN_VALUE}) WHERE state = 0")
    found = portal.db.execute(
        f"SELECT id FROM {name} INDEXED BY {index} WHERE state = 0 AND {_DOMAIN_VALUE} = ? ORDER BY id",
        (normal_domain(text),),
    )
    return [record_id for (record_id,) in found]


def normal_domain(text: str) -> str:
    """Give the domain of an address or a domain."""
    return re.sub(r"^(https?://)?(www\.)?", "", text.strip().lower()).partition("/")[0]


def is_domain(text: str) -> bool:
    """Tell whether a text names a domain."""
    return _DOMAIN.fullmatch(normal_domain(text)) is not None


def link_row(work: Work, row: StoredRow, ids: dict[str, int]) -> None:
    """Associate the records of a row, one of each type, under the labels that the row gives."""
    plan = work.file(row)
    ends = [End(type_id, ids[type_id]) for type_id in plan.types if type_id in ids]
    for number, end in enumerate(ends):
        for other in ends[number + 1 :]:
            columns = [
                each
                for each in plan.columns
                if each.role == "label" and {each.type_id, each.to_type} == {end.type_id, other.type_id}
            ]
            _link(work, row, end, other, columns)


def link_keys(work: Work, row: StoredRow) -> None:
    """Associate a row's record with those that its cells name: the second pass, when all records are there."""
    for column in work.file(row).linking:
        if column.type_id not in row.ids or not row.cells[column.number].strip():
            continue
        own = End(column.type_id, row.ids[column.type_id])
        if column.role == "keys":
            _link_same(work, row, own, column)
        else:
            _link_foreign(work, row, own, column)


def _link_same(work: Work, row: StoredRow, own: End, column: Column) -> None:
    """All records of one cell get the label of the row; one of each pair was there before the import."""
    plan = work.file(row)
    labels = [each for each in plan.columns if each.role == "label" and each.type_id == each.to_type == own.type_id]
    keys = [part.strip() for part in row.cells[column.number].split(";") if part.strip()]
    new = tables.wrote(work.portal.db, work.job.id, *own)
    for number, key in enumerate(keys):
        try:
            other = End(own.type_id, _find_same(work, own.type_id, key))
            _refuse_pair(work, other, key, twice=key in keys[:number], new=bool(new))
        except LinkError as error:
            _refuse(work, row, own, column, error)
        else:
            _link(work, row, own, other, labels)


def _refuse_pair(work: Work, other: End, key: str, *, twice: bool, new: bool) -> None:
    if twice:
        raise LinkError("DUPLICATE_ASSOCIATION_ID", f"{key} stands twice in one cell", key)
    if new and tables.wrote(work.portal.db, work.job.id, *other):
        raise LinkError("ASSOCIATION_RECORD_NOT_FOUND", f"{key} did not exist before the import", key)


def _find_same(work: Work, type_id: str, key: str) -> int:
    """Find a record by record id or by its built-in key; a secondary e-mail is none here."""
    kind, builtin = work.portal.types.resolve(type_id), IMPORT_KEYS.get(type_id)
    if key.isdecimal():
        record_id = writing.find_target(work.portal, kind, key, None)
        if record_id is None:
            raise LinkError("UNKNOWN_ASSOCIATION_RECORD_ID", f"no {kind.singular} has the record id {key}", key)
        return record_id
    if builtin is None or ("@" not in key if builtin == "email" else not is_domain(key)):
        raise LinkError("INVALID_ASSOCIATION_KEY", f"{key} is neither a record id nor a key of {kind.name}", key)
    found = _by_key(work, type_id, builtin, key)
    if builtin == "email" and work.portal.values_of(type_id, found).get("email") != values.normal_key("email", key):
        raise LinkError("ASSOCIATION_RECORD_NOT_FOUND", f"no contact has the primary e-mail {key}", key)
    return found


def _link_foreign(work: Work, row: StoredRow, own: End, column: Column) -> None:
    assert column.link is not None
    assert column.to_type is not None
    cell = row.cells[column.number].strip()
    parts = [part.strip() for part in cell.split(";")] if work.portal.knobs.import_foreign_keys_split else [cell]
    for key in filter(None, parts):
        try:
            other = End(column.to_type, _find_foreign(work, column, column.to_type, key))
        except LinkError as error:
            _refuse(work, row, own, column, error)
        else:
            _link(work, row, own, other, (), fixed=column.link)


def _find_foreign(work: Work, column: Column, to_type: str, key: str) -> int:
    """Find the record of a common column by the property that identifies it in its own file."""
    kind = work.portal.types.resolve(to_type)
    shared = [each for file in work.plan.files for each in file.columns if each.identifies and each.type_id == to_type]
    name = shared[0].name if shared else IMPORT_KEYS.get(to_type) if column.by_alternate_id else None
    if name is not None and name != "hs_object_id":
        return _by_key(work, to_type, name, key)
    record_id = writing.find_target(work.portal, kind, key, None) if associations.is_id(key) else None
    if record_id is None:
        raise LinkError("UNKNOWN_ASSOCIATION_RECORD_ID", f"no {kind.singular} has the record id {key}", key)
    return record_id


def _by_key(work: Work, type_id: str, name: str, key: str) -> int:
    kind = work.portal.types.resolve(type_id)
    if type_id == "0-2" and name == "domain":
        found = companies_of(work.portal, key)
        if len(found) > 1:
            message = f"{len(found)} companies have the domain {key}"
            raise LinkError("MULTIPLE_COMPANIES_WITH_THIS_DOMAIN", message, key)
        holder = found[0] if found else None
    else:
        holder = work.portal.holder(type_id, name, values.normal_key(name, key))
    if holder is None:
        raise LinkError("ASSOCIATION_RECORD_NOT_FOUND", f"no {kind.singular} has the {name} {key}", key)
    return holder


def _link(
    work: Work, row: StoredRow, own: End, other: End, columns: Sequence[Column], *, fixed: TypeKey | None = None
) -> None:
    """Add one association with the labels of the row; labels that the pair has already stay."""
    ways = work.direction(own.type_id, other.type_id)
    if own == other:
        work.refuse(row, "FAILED_TO_CREATE_ASSOCIATION", "a record cannot be its own", type_id=own.type_id)
        return
    if (ways.default is None and fixed is None) or (fixed is not None and fixed not in ways.by_key):
        message = f"{own.type_id} and {other.type_id} have no such association type"
        work.refuse(row, "FAILED_TO_CREATE_ASSOCIATION", message, type_id=own.type_id)
        return
    wanted = {} if fixed is None else {ways.by_key[fixed].kind: ways.by_key[fixed]}
    for column in columns:
        for text in filter(None, (part.strip() for part in row.cells[column.number].split(";"))):
            try:
                found = _label(work, own, other, column, text)
            except LinkError as error:
                _refuse(work, row, own, column, error)
                return
            wanted[found.kind] = found
    _write(work, row, own, other, wanted)


def _write(work: Work, row: StoredRow, own: End, other: End, wanted: dict[int, LinkType]) -> None:
    portal, ways = work.portal, work.direction(own.type_id, other.type_id)
    if ways.default is not None:
        wanted = {ways.default.kind: ways.default} | wanted
    held = {kind for kind in ways.by_kind if associations.is_linked(portal, own.id, kind, other.id)}
    work.count("ASSOCIATIONS_EMITTED", len(wanted))
    new = wanted.keys() - held
    if not new:
        return
    if _is_full(work, own, other):
        message = "a record has as many associations of this type as it may have"
        work.refuse(row, "ASSOCIATION_LIMIT_EXCEEDED", message, type_id=own.type_id)
        return
    keep = [ways.by_kind[kind].key for kind in held if ways.by_kind[kind].category == USER_DEFINED]
    types = list(dict.fromkeys([*keep, *(each.key for each in wanted.values())]))
    associations.link(portal, *own, *other, types, request=work.job.call, ways=ways)
    work.count("ASSOCIATIONS_CREATED", len(new))


def _is_full(work: Work, own: End, other: End) -> bool:
    most = work.portal.knobs.ends_per_record
    default = work.direction(own.type_id, other.type_id).default
    if most is None or default is None or associations.is_linked(work.portal, own.id, default.kind, other.id):
        return False
    sides = ((own.id, default.kind), (other.id, default.inverse))
    return any(associations.count_ends(work.portal, record_id, kind) >= most for record_id, kind in sides)


def _label(work: Work, own: End, other: End, column: Column, text: str) -> LinkType:
    """Find a label by its text, as the column's object has it towards the other, or as the other has it."""
    ways = work.direction(own.type_id, other.type_id)
    there = [each for each in ways.by_kind.values() if each.label == text]
    back_ways = work.direction(other.type_id, own.type_id)
    back = [ways.by_kind[each.inverse] for each in back_ways.by_kind.values() if each.label == text]
    # Among records of one type the text is what the other record is; between two types, either side's.
    for found in (there, back) if column.type_id == own.type_id else (back, there):
        if found:
            return found[0]
    raise LinkError("ASSOCIATION_LABEL_NOT_FOUND", f"no association label reads {text}", text)


def _refuse(work: Work, row: StoredRow, own: End, column: Column, error: LinkError) -> None:
    work.refuse(row, error.error_type, error.message, type_id=own.type_id, column=column, value=error.value)
