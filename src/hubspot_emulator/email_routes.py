"""The older e-mail calls and subscriptions as one family: they tell of the same events."""

from __future__ import annotations

from hubspot_emulator import (
    email_campaigns,
    email_events,
    email_samples,
    subscription_routes,
    subscription_shapes,
    subscription_timeline,
)
from hubspot_emulator.family import Family

FAMILY = Family(
    routes=(
        *email_campaigns.ROUTES,
        *email_events.ROUTES,
        *subscription_timeline.ROUTES,
        *subscription_routes.ROUTES,
    ),
    truths={
        "email_events": email_events.truth,
        "email_campaigns": email_campaigns.truth,
        "subscription_changes": subscription_timeline.truth,
        "subscription_definitions": subscription_shapes.truth,
        "subscription_statuses": subscription_routes.truth_statuses,
    },
    act=email_samples.act,
    fill=email_samples.fill,
)
