"""Behaviours that HubSpot's documents leave open or change between accounts; each has the default we believe in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """One field a question; what is known about each stands in `docs/hubspot-behaviours.md`."""

    archive_limit: int = 100
    """Inputs of batch/archive and batch/labels/archive of associations: sources say 100 and 2,000."""
    archived_lists_show_associations: bool = False
    """Records of `archived=true` lists and gets show their associations; observed: never."""
    archived_unknown_ids_fail: bool = False
    """batch/archive of an id that never existed: accepted silently (False) or a 404 for the batch."""
    bin_days: int = 90
    """How long an archived record can be restored; then it is gone."""
    cleared_reads_empty: bool = True
    """A property that was cleared reads back as "" (False: as null); one never set always reads null."""
    daily_calls_professional: int = 625_000
    """Calls a day of a Professional account: a page of HubSpot's says 625,000, its change log 650,000."""
    email_campaign_page_most: int = 500
    """E-mail campaigns on a page at most; more is cut."""
    email_event_days: int = 0
    """How long e-mail events are kept; 0: for ever."""
    ends_per_record: int | None = None
    """Records of one type that a record may be associated with; real portals have thousands, by pair and plan."""
    enforce_required: bool = True
    """Creating a record without a property its type requires: 400 MISSING_REQUIRED_PROPERTY."""
    export_ends: str = "DONE"
    """How exports end: DONE, FAILED, CANCELED, CONFLICT, DELETED, or STUCK (they stay PROCESSING)."""
    export_file_rows: int = 1_000_000
    """Rows of one file; an export of more is a zip of several."""
    export_needs_approval: bool = False
    """Exports wait for an administrator (PENDING_APPROVAL)."""
    export_rows_per_second: int = 20_000
    """How fast exports go on."""
    export_start_ms: int = 2_000
    """How long an export of nothing takes."""
    exports_take_activities: bool = True
    """Calls, emails, meetings, notes and tasks can be exported."""
    feed_offset_seconds: int = 21_600
    """How long offsets of e-mail events and of the subscription timeline are good; 0: for ever."""
    first_company_becomes_primary: bool = True
    """The first company of a contact, deal or ticket becomes its Primary by itself."""
    flow_page_most: int = 100
    """Flows on a page at most; more is refused."""
    form_page: int = 20
    """Forms on a page when no limit is given."""
    form_page_most: int = 500
    """Forms on a page at most; more is refused."""
    history_versions: int = 20
    """Versions of a property that are kept, the latest ones; 0: all."""
    history_versions_contacts: int = 45
    """Versions of a property of a contact that are kept, the latest ones; 0: all."""
    ids_as_text: bool = False
    """`toObjectId` as text, as the dated specs say, instead of the number that real answers hold."""
    import_bad_cell_skips_row: bool = False
    """An import leaves out the whole row for a cell that is no value of its property, not the cell alone."""
    import_ends: str = "DONE"
    """How imports end: DONE, or half way: FAILED, CANCELED (by a person), STUCK (they stay PROCESSING)."""
    import_first_line: int = 2
    """The lineNumber of the first row of data below a header."""
    import_foreign_keys_split: bool = False
    """A cell of a column with a fixed association type may hold several keys, separated by `;`."""
    import_lines_are_physical: bool = False
    """lineNumber counts lines of the file; a quoted cell of several lines moves it. Otherwise it counts rows."""
    import_rows_per_second: int = 1_000
    """How fast imports go on."""
    import_start_ms: int = 1_000
    """How long an import stays STARTED."""
    index_lag_spread: float = 0.0
    """By how much of the index lag a record's own may be shorter: 0 none, 1 anything from no lag to all of it."""
    labels_per_pair: int = 10
    """Labels a portal may define for one direction."""
    large_list_pages_are_cut: bool = True
    """A page of lists larger than 500 is cut to 500 (False: refused)."""
    late_event_seconds: int = 300
    """How long before it appears an e-mail event may have happened, at most."""
    late_modified_ms: int = 0
    """HubSpot moves the modified date once more this long after a create (seconds in real portals); 0: never."""
    list_joins_newest_first: bool = True
    """`memberships/join-order` begins with who joined last (False: first)."""
    merge_keeps_primary: bool = False
    """A merge keeps the primary's id (accounts of the beta) instead of making a new record."""
    merged_listed_as_archived: bool = False
    """Merged-away ids appear in `archived=true` lists."""
    missing_is_error: bool = True
    """batch/read of associations reports a record without any as an error (207) instead of leaving it out."""
    most_on_a_page: int = 0
    """Results on a page at most, however many were asked for, because HubSpot promises no page to be full; 0: as asked."""
    noop_write_moves_modified: bool = True
    """Writing the value a record already has moves its modified date."""
    notes_take_unique_properties: bool = True
    """A portal may make unique properties of notes."""
    null_clears: bool = False
    """A JSON null among the written properties clears (True) or is passed over."""
    oauth_calls_per_ten_seconds: int = 0
    """The token endpoint answers 429 beyond so many calls; 0: never."""
    owners_must_exist: bool = True
    """Refuse an owner's id that no owner of the portal has."""
    page_size: int = 500
    """Associations of one record on one page of batch/read."""
    read_of_nothing_fails: bool = False
    """batch/read of records that finds none of its keys: 207 with an error (False) or a 404."""
    restore_moves_modified: bool = False
    """Restoring an archived record moves its modified date."""
    rollups_follow: bool = False
    """Values calculated from associations and stages follow them without moving the modified date, as in HubSpot.

    Off, because then no reader by modified date can agree with `/truth`: a test that compares the two must turn it on
    knowingly, or compare after a full read.
    """
    rules_enforced_in: tuple[str, ...] = ("2026-09", "2026-09-beta")
    """The versions of the API whose writes must keep the rules of property validations."""
    schema_limit: int = 20
    """Custom objects that a portal may have: 10 by plan, 20 were seen."""
    search_empty_page_every: int = 0
    """Every n-th page of a search that goes on is empty, and has a successor; 0: never."""
    search_end_counts_limit: bool = True
    """A search page is refused where it would end beyond 10,000 hits; False: only where it would begin there."""
    search_filters: int = 18
    """Filters of a search, all groups together: the guide says 18, a change log 25."""
    search_filters_a_group: int = 6
    """Filters of one group of a search: the guide says 6, a change log 10."""
    search_short_page_every: int = 0
    """Every n-th search page that has a successor holds half of what was asked for, and goes on from there; 0: never."""
    search_unsorted_page_every: int = 0
    """The hits of every n-th search page are not in the order asked for; 0: never."""
    stage_edit_moves_pipeline: bool = True
    """Adding, changing or deleting a stage moves the modified date of its pipeline."""
    stats_hide_unsent_emails: bool = True
    """Lists of marketing emails with statistics leave out those that were never sent."""
    timeline_days: int = 0
    """How long entries of the subscription timeline are kept; 0: for ever."""
    timeline_page: int = 10
    """Entries of the subscription timeline on a page when no limit is given."""
    trace_ids_may_repeat: bool = False
    """Two inputs of a batch may have one objectWriteTraceId; otherwise the batch is refused."""
    unknown_token_info_status: int = 404
    """How the private-app call that tells of a token refuses one it does not know: 404 or 401."""
    update_with_trace_ids_is_partial: bool = True
    """batch/update with trace ids reports invalid inputs one by one (207) instead of refusing the batch."""
    upsert_finds_secondary_emails: bool = True
    """batch/upsert by e-mail changes the contact whose secondary address it is; False: a 409 CONFLICT."""
