"""The streams of CRM objects: their records, with every property that the portal defines."""

from __future__ import annotations

from hubferry.objects import BY_NAME
from hubferry.streams.definition import crm_object

CALLS = crm_object(BY_NAME["calls"], doc="crm/objects/calls")
COMPANIES = crm_object(BY_NAME["companies"], doc="crm/objects/companies", associations=("contacts", "deals"))
CONTACTS = crm_object(BY_NAME["contacts"], doc="crm/objects/contacts", associations=("companies", "deals"))
DEALS = crm_object(
    BY_NAME["deals"],
    doc="crm/objects/deals",
    associations=("companies", "contacts"),
    link_columns={"contact_ids": "contacts"},
)
EMAILS = crm_object(BY_NAME["emails"], doc="crm/objects/email")
LINE_ITEMS = crm_object(BY_NAME["line_items"], doc="crm/objects/line-items")
MEETINGS = crm_object(BY_NAME["meetings"], doc="crm/objects/meetings")
NOTES = crm_object(BY_NAME["notes"], doc="crm/objects/notes")
PRODUCTS = crm_object(BY_NAME["products"], doc="crm/objects/products")
QUOTES = crm_object(BY_NAME["quotes"], doc="crm/objects/quotes")
TASKS = crm_object(BY_NAME["tasks"], doc="crm/objects/tasks")
TICKETS = crm_object(BY_NAME["tickets"], doc="crm/objects/tickets")

STREAMS = (
    CALLS,
    COMPANIES,
    CONTACTS,
    DEALS,
    EMAILS,
    LINE_ITEMS,
    MEETINGS,
    NOTES,
    PRODUCTS,
    QUOTES,
    TASKS,
    TICKETS,
)
