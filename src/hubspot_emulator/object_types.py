"""The CRM's object types: ids, names, dates, keys and scopes, written out once each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hubspot_emulator.http import ApiError


@dataclass(frozen=True, kw_only=True)
class ObjectType:
    """What tells one object type from another."""

    type_id: str
    name: str
    """The plural, as in paths."""
    singular: str
    """As in association messages; upper-cased in object messages."""
    read_scopes: tuple[frozenset[str], ...]
    """Sets of scopes of which any one suffices to read."""
    write_scopes: tuple[frozenset[str], ...]
    default_properties: tuple[str, ...] = ()
    """What an answer holds beside the core properties when none are asked for."""
    created_property: str = "createdate"
    modified_property: str = "hs_lastmodifieddate"
    key_property: str | None = None
    """The built-in unique key: `email` of contacts."""
    required: tuple[str, ...] = ()
    required_any: tuple[str, ...] = ()
    """At least one of these must have a value on create."""
    searched: tuple[str, ...] = ()
    """Properties that a search's `query` looks at."""
    associations_key: str = ""
    """The key of inline associations where it is not the name (`line items`)."""
    fully_qualified_name: str = ""
    pipeline_property: str | None = None
    stage_property: str | None = None
    mergeable: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def is_custom(self) -> bool:
        """Tell whether the portal defined it."""
        return self.type_id.startswith("2-")

    @property
    def core_properties(self) -> tuple[str, ...]:
        """Name the properties every answer holds."""
        return (self.created_property, self.modified_property, "hs_object_id")

    @property
    def inline_key(self) -> str:
        """Name the key of this type inside a record's `associations`."""
        return self.associations_key or self.fully_qualified_name or self.name


def _any_of(*scopes: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({scope}) for scope in scopes)


def _crm_scopes(noun: str, *alternatives: str) -> tuple[tuple[frozenset[str], ...], tuple[frozenset[str], ...]]:
    return (
        _any_of(f"crm.objects.{noun}.read", *alternatives),
        _any_of(f"crm.objects.{noun}.write", *alternatives),
    )


_CONTACT_SCOPES = _crm_scopes("contacts")
_LINE_ITEM_SCOPES = _crm_scopes("line_items", "e-commerce")
_DEAL_SPLIT_SCOPES = _crm_scopes("deals", "crm.dealsplits.read_write")


def _plain(
    type_id: str,
    name: str,
    singular: str,
    scopes: tuple[tuple[frozenset[str], ...], tuple[frozenset[str], ...]],
    created_property: str = "hs_createdate",
    *,
    staged: bool = False,
    **rest: tuple[str, ...],
) -> ObjectType:
    """Build a type; one that is `staged` has pipelines."""
    read, write = scopes
    return ObjectType(
        type_id=type_id,
        name=name,
        singular=singular,
        read_scopes=read,
        write_scopes=write,
        created_property=created_property,
        required=rest.get("required", ()),
        searched=rest.get("searched", ()),
        aliases=rest.get("aliases", ()),
        pipeline_property="hs_pipeline" if staged else None,
        stage_property="hs_pipeline_stage" if staged else None,
    )


STANDARD: tuple[ObjectType, ...] = (
    ObjectType(
        type_id="0-1",
        name="contacts",
        singular="contact",
        read_scopes=_CONTACT_SCOPES[0],
        write_scopes=_CONTACT_SCOPES[1],
        default_properties=("email", "firstname", "lastname"),
        modified_property="lastmodifieddate",
        key_property="email",
        searched=(
            "firstname",
            "lastname",
            "email",
            "phone",
            "hs_additional_emails",
            "fax",
            "mobilephone",
            "company",
            "hs_marketable_until_renewal",
        ),
        mergeable=True,
    ),
    ObjectType(
        type_id="0-2",
        name="companies",
        singular="company",
        read_scopes=_crm_scopes("companies")[0],
        write_scopes=_crm_scopes("companies")[1],
        default_properties=("domain", "name"),
        required_any=("name", "domain"),
        searched=("website", "phone", "name", "domain"),
        mergeable=True,
    ),
    ObjectType(
        type_id="0-3",
        name="deals",
        singular="deal",
        read_scopes=_crm_scopes("deals")[0],
        write_scopes=_crm_scopes("deals")[1],
        default_properties=("amount", "closedate", "dealname", "dealstage", "pipeline"),
        searched=("dealname", "pipeline", "dealstage", "description", "dealtype"),
        pipeline_property="pipeline",
        stage_property="dealstage",
        mergeable=True,
    ),
    ObjectType(
        type_id="0-5",
        name="tickets",
        singular="ticket",
        read_scopes=_any_of("tickets", "crm.objects.tickets.read"),
        write_scopes=_any_of("tickets", "crm.objects.tickets.write"),
        default_properties=(
            "content",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
            "subject",
        ),
        required=("hs_pipeline_stage",),
        searched=("subject", "content", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_id"),
        pipeline_property="hs_pipeline",
        stage_property="hs_pipeline_stage",
        mergeable=True,
    ),
    ObjectType(
        type_id="0-7",
        name="products",
        singular="product",
        read_scopes=_crm_scopes("products", "e-commerce")[0],
        write_scopes=_crm_scopes("products", "e-commerce")[1],
        default_properties=("description", "name", "price"),
        required=("name",),
        searched=("name", "description", "price", "hs_sku"),
    ),
    ObjectType(
        type_id="0-8",
        name="line_items",
        singular="line_item",
        read_scopes=_LINE_ITEM_SCOPES[0],
        write_scopes=_LINE_ITEM_SCOPES[1],
        default_properties=("amount", "price", "quantity"),
        searched=("name", "hs_sku"),
        associations_key="line items",
    ),
    ObjectType(
        type_id="0-14",
        name="quotes",
        singular="quote",
        read_scopes=_crm_scopes("quotes", "e-commerce")[0],
        write_scopes=_crm_scopes("quotes", "e-commerce")[1],
        default_properties=("hs_expiration_date", "hs_public_url_key", "hs_status", "hs_title"),
        created_property="hs_createdate",
        required=("hs_title", "hs_expiration_date"),
        searched=("hs_title",),
    ),
    _plain("0-18", "communications", "communication", _CONTACT_SCOPES, required=("hs_timestamp",)),
    _plain("0-19", "feedback_submissions", "feedback_submission", _crm_scopes("feedback_submissions")),
    _plain("0-27", "tasks", "task", _CONTACT_SCOPES, required=("hs_timestamp",), searched=("hs_task_subject",)),
    _plain("0-46", "notes", "note", _CONTACT_SCOPES, required=("hs_timestamp",), searched=("hs_note_body",)),
    _plain("0-47", "meetings", "meeting", _CONTACT_SCOPES, required=("hs_timestamp",), searched=("hs_meeting_title",)),
    _plain("0-48", "calls", "call", _CONTACT_SCOPES, required=("hs_timestamp",), searched=("hs_call_title",)),
    _plain("0-49", "emails", "email", _CONTACT_SCOPES, required=("hs_timestamp",), searched=("hs_email_subject",)),
    _plain("0-53", "invoices", "invoice", _crm_scopes("invoices"), "createdate"),
    _plain("0-54", "marketing_events", "marketing_event", _crm_scopes("marketing_events")),
    _plain("0-64", "quote_templates", "quote_template", _crm_scopes("quotes"), searched=("hs_name",)),
    _plain("0-69", "subscriptions", "subscription", _crm_scopes("subscriptions")),
    _plain("0-74", "goal_targets", "goal_target", _crm_scopes("goals"), aliases=("goals", "goal")),
    _plain("0-84", "discounts", "discount", _LINE_ITEM_SCOPES, "createdate"),
    _plain("0-85", "fees", "fee", _LINE_ITEM_SCOPES, "createdate"),
    _plain("0-86", "taxes", "tax", _LINE_ITEM_SCOPES, "createdate"),
    _plain("0-101", "commerce_payments", "commerce_payment", _crm_scopes("commercepayments"), "createdate"),
    _plain("0-115", "users", "user", _crm_scopes("users")),
    _plain("0-116", "postal_mail", "postal_mail", _CONTACT_SCOPES, required=("hs_timestamp",)),
    _plain("0-123", "orders", "order", _crm_scopes("orders"), "createdate", staged=True, searched=("hs_order_name",)),
    _plain("0-136", "leads", "lead", _crm_scopes("leads"), "createdate", staged=True, searched=("hs_lead_name",)),
    _plain("0-142", "carts", "cart", _crm_scopes("carts"), "createdate"),
    _plain("0-162", "services", "service", _crm_scopes("services"), staged=True, searched=("hs_name",)),
    _plain("0-410", "courses", "course", _crm_scopes("courses"), staged=True, searched=("hs_course_name",)),
    _plain("0-420", "listings", "listing", _crm_scopes("listings"), staged=True, searched=("hs_name",)),
    _plain(
        "0-421",
        "appointments",
        "appointment",
        _crm_scopes("appointments"),
        staged=True,
        searched=("hs_appointment_name",),
    ),
    _plain("0-970", "projects", "project", _crm_scopes("projects"), staged=True, searched=("hs_name",)),
    # HS-71: HubSpot publishes the names of these in paths, but no type ids; the numbers are the emulator's own.
    _plain("0-9001", "contracts", "contract", _crm_scopes("contracts")),
    _plain("0-9002", "deal_splits", "deal_split", _DEAL_SPLIT_SCOPES),
    _plain("0-9003", "partner_clients", "partner_client", _crm_scopes("partner-clients")),
    _plain("0-9004", "partner_services", "partner_service", _crm_scopes("partner-services")),
)


UNREAD_TYPES = frozenset({"0-11", "conversation", "conversations"})
"""Known to HubSpot where a record's associations are asked for (HS-73); their records are not served, so there are none."""
ACTIVITIES = ("0-27", "0-46", "0-47", "0-48", "0-49")
"""Tasks, notes, meetings, calls and emails count their ids together: the engagements API knows them by id alone (HS-56)."""


class ObjectTypes:
    """Finds a type by any of the names HubSpot accepts: plural, singular, type id, in any case."""

    def __init__(self, types: Iterable[ObjectType] = STANDARD) -> None:
        self._standard = tuple(types)
        self._set(self._standard)

    def define(self, custom: Iterable[ObjectType]) -> None:
        """Let these be the types that the portal defines."""
        self._set((*self._standard, *custom))

    def knows(self, name: str) -> bool:
        """Tell whether a type has this name."""
        return name.lower() in self._by_name

    def _set(self, types: tuple[ObjectType, ...]) -> None:
        self._types = types
        self._by_name: dict[str, ObjectType] = {}
        for kind in types:
            for name in (kind.type_id, kind.name, kind.singular, kind.fully_qualified_name, *kind.aliases):
                if name:
                    self._by_name[name.lower()] = kind

    def __iter__(self) -> Iterator[ObjectType]:
        return iter(self._types)

    def resolve(self, name: str) -> ObjectType:
        """Give the type, or raise ApiError 400 as HubSpot does for a name it does not know."""
        kind = self._by_name.get(name.lower())
        if kind is None:
            raise ApiError(400, f"Unable to infer object type from: {name}", category=None)
        return kind
