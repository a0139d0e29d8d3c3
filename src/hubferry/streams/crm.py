"""The streams of CRM objects: their records, with every property that the portal defines."""

from __future__ import annotations

from hubferry.objects import BY_NAME, CUSTOM, CrmObject
from hubferry.streams.definition import RECORD_COLUMNS, Stream, crm_object

ALL_CUSTOM = f"{CUSTOM}*"
"""What a project writes to choose every custom object of the portal, also those that are defined later."""

APPOINTMENTS = crm_object(BY_NAME["appointments"], doc="crm/objects/appointments")
CARTS = crm_object(BY_NAME["carts"], doc="crm/commerce/carts")
COMMUNICATIONS = crm_object(BY_NAME["communications"], doc="crm/objects/communications")
COMPANIES = crm_object(BY_NAME["companies"], doc="crm/objects/companies", associations=("contacts", "deals"))
CONTACTS = crm_object(BY_NAME["contacts"], doc="crm/objects/contacts", associations=("companies", "deals"))
COURSES = crm_object(BY_NAME["courses"], doc="crm/objects/courses")
DEAL_SPLITS = crm_object(BY_NAME["deal_splits"], doc="crm/objects/deal-splits")
DEALS = crm_object(
    BY_NAME["deals"],
    doc="crm/objects/deals",
    associations=("companies", "contacts"),
    link_columns={"contact_ids": "contacts"},
)
DEALS_ARCHIVED = Stream(
    name="deals_archived",
    doc="crm/objects/deals",
    reader="archived",
    path="/crm/objects/{version}/deals",
    scopes=BY_NAME["deals"].read_scopes,
    object=BY_NAME["deals"],
    cursor="archived_at",
    columns={**RECORD_COLUMNS, "archived_at": "timestamp", "contact_ids": "strings"},
    link_columns={"contact_ids": "contacts"},
)
DISCOUNTS = crm_object(BY_NAME["discounts"], doc="crm/commerce/discounts")
# The activities have the names that the reference product gives them.
ENGAGEMENTS_CALLS = crm_object(BY_NAME["calls"], name="engagements_calls", doc="crm/objects/calls")
ENGAGEMENTS_EMAILS = crm_object(BY_NAME["emails"], name="engagements_emails", doc="crm/objects/email")
ENGAGEMENTS_MEETINGS = crm_object(BY_NAME["meetings"], name="engagements_meetings", doc="crm/objects/meetings")
ENGAGEMENTS_NOTES = crm_object(BY_NAME["notes"], name="engagements_notes", doc="crm/objects/notes")
ENGAGEMENTS_TASKS = crm_object(BY_NAME["tasks"], name="engagements_tasks", doc="crm/objects/tasks")
FEEDBACK_SUBMISSIONS = crm_object(BY_NAME["feedback_submissions"], doc="crm/objects/feedback-submissions")
FEES = crm_object(BY_NAME["fees"], doc="crm/commerce/fees")
GOALS = crm_object(BY_NAME["goal_targets"], name="goals", doc="crm/objects/goals")
INVOICES = crm_object(BY_NAME["invoices"], doc="crm/commerce/invoices")
LEADS = crm_object(BY_NAME["leads"], doc="crm/objects/leads")
LINE_ITEMS = crm_object(BY_NAME["line_items"], doc="crm/objects/line-items")
LISTINGS = crm_object(BY_NAME["listings"], doc="crm/objects/listings")
ORDERS = crm_object(BY_NAME["orders"], doc="crm/commerce/orders")
PAYMENTS = crm_object(BY_NAME["commerce_payments"], name="payments", doc="crm/commerce/payments")
POSTAL_MAIL = crm_object(BY_NAME["postal_mail"], doc="crm/objects/postal-mail")
PRODUCTS = crm_object(BY_NAME["products"], doc="crm/objects/products")
PROJECTS = crm_object(BY_NAME["projects"], doc="crm/objects/projects")
QUOTES = crm_object(BY_NAME["quotes"], doc="crm/objects/quotes")
SERVICES = crm_object(BY_NAME["services"], doc="crm/objects/services")
SUBSCRIPTIONS = crm_object(BY_NAME["subscriptions"], doc="crm/commerce/subscriptions")
TAXES = crm_object(BY_NAME["taxes"], doc="crm/commerce/taxes")
TICKETS = crm_object(BY_NAME["tickets"], doc="crm/objects/tickets")
USERS = crm_object(BY_NAME["users"], doc="settings/users")

STREAMS = tuple(each for each in vars().values() if isinstance(each, Stream))


def custom_stream(found: CrmObject) -> Stream:
    """Build the stream of a custom object; its name is never another stream's, whatever the object is called."""
    return crm_object(found, doc="crm/objects/custom-objects")
