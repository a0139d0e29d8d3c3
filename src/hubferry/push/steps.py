"""The closed union of what a plan may contain. Printer and executor `match` on it and end in `assert_never`."""

from __future__ import annotations

import msgspec


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One property: what HubSpot holds (None: empty) and what it will hold ("" clears)."""

    property: str
    old: str | None
    new: str
    by: str | None = None
    """Who changed the old value last, where the plan asked."""


class Conflict(msgspec.Struct, frozen=True, array_like=True):
    """One property that is left to people: what HubSpot stored after our last write, what it holds, what the source wants."""

    property: str
    base: str | None
    held: str | None
    wanted: str
    by: str | None = None
    """Who changed it in HubSpot."""


class CreateRecord(msgspec.Struct, frozen=True, kw_only=True, tag="create"):
    """Make a record. With `match` (a unique property) and `upsert`, repeating it is harmless.

    A `searched` one has no unique property: if its answer is lost, the record is looked for and never just made again.
    """

    row_key: str
    object: str
    match: str
    value: str
    properties: dict[str, str]
    upsert: bool = True
    searched: bool = False
    sent: dict[str, str] = {}
    """The row's texts, clears included, for the ledger."""
    row_hash: str = ""
    content: str = ""
    """Hash of the row as planned: unlike `row_hash`, it does not say that nothing is left to do."""
    read_at: float = 0.0
    """HubSpot's time just before its record was looked for, in seconds since the epoch; 0: when the plan began."""


class UpdateRecord(msgspec.Struct, frozen=True, kw_only=True, tag="update"):
    """Set properties of a record that exists, by its record id."""

    row_key: str
    object: str
    record_id: str
    changes: tuple[Change, ...]
    sent: dict[str, str] = {}
    """The row's texts, unchanged ones included, for the ledger."""
    stored: dict[str, str | None] = {}
    """What HubSpot holds of them before this step."""
    row_hash: str = ""
    content: str = ""
    """Hash of the row as planned: unlike `row_hash`, it does not say that nothing is left to do."""
    read_at: float = 0.0
    """HubSpot's time just before its record was looked for, in seconds since the epoch; 0: when the plan began."""


class ArchiveRecord(msgspec.Struct, frozen=True, kw_only=True, tag="archive"):
    """Archive a record that this sync made and whose row left the source (`mirror`)."""

    row_key: str
    object: str
    record_id: str


class HoldRow(msgspec.Struct, frozen=True, kw_only=True, tag="hold"):
    """A row that cannot be done; apply writes nothing for it and counts it as `outcome` (rejected or skipped)."""

    row_key: str
    object: str
    outcome: str
    reason: str
    advice: str
    record_id: str | None = None


class TypeRef(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A type of link in the direction of its step: category, type id and label text (None: unlabelled).

    A negative type id is that of a label which the plan itself creates first.
    """

    category: str
    type_id: int
    label: str | None = None

    @property
    def is_unlabelled(self) -> bool:
        """Whether it is a link without a label; a label whose definition is gone has no text, either."""
        return self.label is None and self.category == "HUBSPOT_DEFINED"


class End(msgspec.Struct, frozen=True, array_like=True):
    """One end of a link: a record id, or the row of a sync in the same plan whose record is still to be made."""

    object: str
    record_id: str | None = None
    sync: str | None = None
    row_key: str | None = None


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """Which row of which sync asked for which type; `type` in the direction from that row's record."""

    sync: str
    row_key: str
    forward: bool
    """The row's record is the step's `from_`."""
    type: TypeRef
    added: bool
    """The type was not on the pair before our first write, so it is ours to remove."""
    before: tuple[TypeRef, ...] = ()
    """What was on the pair before our first write, in the row's direction."""


class SetLinks(msgspec.Struct, frozen=True, kw_only=True, tag="set_links"):
    """Write the full set of types of one pair, in one direction; labels of the portal not among them disappear."""

    from_: End
    to: End
    row_key: str
    """The row whose wish this is, for listings; others may ask for the same pair."""
    types: tuple[TypeRef, ...]
    old: tuple[TypeRef, ...]
    """What is on the pair now, in the same direction."""
    claims: tuple[Claim, ...]
    """What our ledger holds anew of the pair afterwards."""
    released: tuple[Claim, ...] = ()
    """What it no longer holds."""
    dropped: tuple[TypeRef, ...] = ()
    """Ours, and disappearing by this write."""


class RemoveLabels(msgspec.Struct, frozen=True, kw_only=True, tag="remove_labels"):
    """Take our labels off a pair; the link itself stays."""

    from_: End
    to: End
    row_key: str
    """The row whose wish this is, for listings; others may ask for the same pair."""
    types: tuple[TypeRef, ...]
    old: tuple[TypeRef, ...]
    claims: tuple[Claim, ...] = ()
    released: tuple[Claim, ...] = ()


class RemoveLinks(msgspec.Struct, frozen=True, kw_only=True, tag="remove_links"):
    """Take the whole link of a pair away."""

    from_: End
    to: End
    row_key: str
    old: tuple[TypeRef, ...]
    released: tuple[Claim, ...] = ()


class HoldLinks(msgspec.Struct, frozen=True, kw_only=True, tag="hold_links"):
    """A link that cannot be done now; apply writes nothing and counts it as `outcome` (rejected or skipped)."""

    from_: End
    to: End
    row_key: str
    reason: str
    advice: str
    outcome: str = "skipped"


class CreateLabel(msgspec.Struct, frozen=True, kw_only=True, tag="create_label"):
    """Define a label that reads alike from both ends; links of this plan bear it."""

    row_key: str
    """The first row that asks for it."""
    from_object: str
    to_object: str
    label: str


class InvalidEntry(msgspec.Struct, frozen=True, kw_only=True, tag="invalid"):
    """Something of a row that cannot be sent: shown and listed, never written. Counted as invalid, not as planned."""

    row_key: str
    detail: str
    reason: str
    advice: str


class ConflictEntry(msgspec.Struct, frozen=True, kw_only=True, tag="conflict"):
    """A property that source and HubSpot both changed: shown and listed, never written. The rest of the row goes on."""

    row_key: str
    object: str
    record_id: str
    conflict: Conflict


class CreateProperty(msgspec.Struct, frozen=True, kw_only=True, tag="create_property"):
    """Make a property, before any record is written: the unique one that rows are matched by, or one of the fields."""

    object: str
    property: str
    label: str
    row_key: str = ""
    kind: str = "string"
    """Its type."""
    is_key: bool = True
    """It is unique and holds the rows' keys."""


class AddOptions(msgspec.Struct, frozen=True, kw_only=True, tag="add_options"):
    """Add options to a property, before any record is written."""

    object: str
    property: str
    options: tuple[str, ...]
    row_key: str = ""


RecordStep = CreateRecord | UpdateRecord | ArchiveRecord | HoldRow
LinkStep = SetLinks | RemoveLabels | RemoveLinks | HoldLinks
SetupStep = CreateProperty | AddOptions
Step = RecordStep | CreateLabel | LinkStep | InvalidEntry | ConflictEntry | SetupStep
