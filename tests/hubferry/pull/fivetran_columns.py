"""The tables and columns that Fivetran's package `dbt_hubspot` 1.8 reads, as its staging models name them.

Letters' case apart: `FROM` and `from` are one column there. Columns of every table (`_fivetran_synced`) included.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, str] = {
    "company": "_fivetran_deleted _fivetran_synced id is_deleted property_address property_address_2 property_annualrevenue property_city property_country property_createdate property_description property_industry property_name property_state",
    "company_property_history": "_fivetran_synced company_id name source source_id timestamp value",
    "contact": "_fivetran_deleted _fivetran_synced id property_annualrevenue property_company property_createdate property_email property_firstname property_hs_merged_object_ids property_jobtitle property_lastname",
    "contact_form_submission": "_fivetran_synced contact_id conversion_id form_id page_id page_url portal_id timestamp title",
    "contact_list": "_fivetran_deleted _fivetran_synced created_at created_by_id deleteable dynamic filters_updated_at id list_version metadata_error metadata_last_processing_state_change_at metadata_last_size_change_at metadata_processing metadata_size name object_type_id portal_id processing_status processing_type updated_at",
    "contact_list_member": "_fivetran_deleted _fivetran_synced added_at contact_id contact_list_id",
    "contact_merge_audit": "_fivetran_synced canonical_vid contact_id entity_id first_name last_name num_properties_moved timestamp user_id vid_to_merge",
    "contact_property_history": "_fivetran_synced contact_id name source source_id timestamp value",
    "deal": "_fivetran_deleted _fivetran_synced deal_id deal_pipeline_id deal_pipeline_stage_id is_deleted owner_id portal_id property_amount property_closedate property_createdate property_dealname property_description",
    "deal_company": "_fivetran_synced category company_id deal_id type_id",
    "deal_contact": "_fivetran_synced category contact_id deal_id type_id",
    "deal_pipeline": "_fivetran_deleted _fivetran_synced active created_at display_order label pipeline_id updated_at",
    "deal_pipeline_stage": "_fivetran_deleted _fivetran_synced active closed_won created_at display_order is_closed label pipeline_id probability stage_id updated_at",
    "deal_property_history": "_fivetran_synced deal_id name source source_id timestamp value",
    "deal_stage": "_fivetran_active _fivetran_end _fivetran_start _fivetran_synced date_entered deal_id source source_id value",
    "email_campaign": "_fivetran_synced app_id app_name content_id id name num_included num_queued sub_type subject type",
    "email_event": "_fivetran_synced app_id caused_by_created caused_by_id created email_campaign_id filtered_event id obsoleted_by_created obsoleted_by_id portal_id recipient sent_by_created sent_by_id type",
    "email_event_bounce": "_fivetran_synced category id response status",
    "email_event_click": "_fivetran_synced browser id ip_address location referer url user_agent",
    "email_event_deferred": "_fivetran_synced attempt id response",
    "email_event_delivered": "_fivetran_synced id response smtp_id",
    "email_event_dropped": "_fivetran_synced bcc cc drop_message drop_reason from id reply_to subject",
    "email_event_forward": "_fivetran_synced browser id ip_address location user_agent",
    "email_event_open": "_fivetran_synced browser duration id ip_address location user_agent",
    "email_event_print": "_fivetran_synced browser id ip_address location user_agent",
    "email_event_sent": "_fivetran_synced bcc cc from id reply_to subject",
    "email_event_spam_report": "_fivetran_synced id ip_address user_agent",
    "email_event_status_change": "_fivetran_synced bounced id portal_subscription_status requested_by source subscriptions",
    "engagement": "_fivetran_synced id portal_id type",
    "engagement_call": "_fivetran_deleted _fivetran_synced engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "engagement_communication": "_fivetran_deleted _fivetran_synced engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "engagement_company": "_fivetran_synced category company_id engagement_id",
    "engagement_contact": "_fivetran_synced category contact_id engagement_id",
    "engagement_deal": "_fivetran_synced category deal_id engagement_id",
    "engagement_email": "_fivetran_deleted _fivetran_synced engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "engagement_meeting": "_fivetran_deleted _fivetran_synced engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "engagement_note": "_fivetran_deleted _fivetran_synced body engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "engagement_task": "_fivetran_deleted _fivetran_synced engagement_id property_hs_createdate property_hs_timestamp property_hubspot_owner_id property_hubspot_team_id type",
    "form": "_fivetran_deleted _fivetran_synced action created_at css_class follow_up_id form_type guid lead_nurturing_campaign_id method name notify_recipients portal_id redirect submit_text updated_at",
    "merged_deal": "_fivetran_synced deal_id merged_deal_id",
    "owner": "_fivetran_synced active_user_id created_at email first_name last_name owner_id portal_id type updated_at",
    "owner_team": "_fivetran_deleted _fivetran_synced is_team_primary owner_id team_id",
    "property": "_fivetran_id _fivetran_synced calculated created_at description field_type group_name hubspot_defined hubspot_object label name show_currency_symbol type updated_at",
    "property_option": "_fivetran_synced display_order hidden hubspot_object label name property_id value",
    "role": "_fivetran_deleted _fivetran_synced id name requires_billing_write",
    "team": "_fivetran_deleted _fivetran_synced id name",
    "team_user": "_fivetran_deleted _fivetran_synced is_secondary_user team_id user_id",
    "ticket": "_fivetran_deleted _fivetran_synced id is_deleted property_closed_date property_content property_createdate property_first_agent_reply_date property_hs_pipeline property_hs_pipeline_stage property_hs_ticket_category property_hs_ticket_priority property_hubspot_owner_id property_subject",
    "ticket_company": "_fivetran_synced category company_id ticket_id",
    "ticket_contact": "_fivetran_synced category contact_id ticket_id",
    "ticket_deal": "_fivetran_synced category deal_id ticket_id",
    "ticket_engagement": "_fivetran_synced category engagement_id ticket_id",
    "ticket_pipeline": "_fivetran_deleted _fivetran_synced active created_at display_order label object_type_id pipeline_id updated_at",
    "ticket_pipeline_stage": "_fivetran_deleted _fivetran_synced active created_at display_order is_closed label pipeline_id stage_id ticket_state updated_at",
    "ticket_property_history": "_fivetran_end _fivetran_start _fivetran_synced name source source_id ticket_id timestamp_instant value",
    "users": "_fivetran_deleted _fivetran_synced email first_name id last_name primary_team_id role_id",
}
LEFT_OUT: Mapping[str, str] = {
    "contact_form_submission": "contact_id page_id title",
    "contact_list": "deleteable metadata_error metadata_last_processing_state_change_at"
    " metadata_last_size_change_at metadata_processing",
    "contact_merge_audit": "entity_id first_name last_name num_properties_moved timestamp user_id",
    "form": "action follow_up_id lead_nurturing_campaign_id method notify_recipients",
}
"""Columns that our views do not have; the guide says why."""
UNKNOWN = {"property_first_agent_reply_date", "property_hubspot_team_id"}
"""Properties that the emulated portal does not define; where a portal does, they are in the views as all others are."""
