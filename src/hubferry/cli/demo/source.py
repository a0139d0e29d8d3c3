"""The table that the demo pushes, and its sync: each row shows one thing that real tables have."""

from __future__ import annotations

from pathlib import Path

import duckdb

SYNC = """\
# yaml-language-server: $schema=../.hubferry/sync.schema.json
source: analytics.contacts
key: contact_number
object: contacts
mode: upsert
match: email
fields:
  email: email
  contact_number: contact_number
  firstname: first_name
  lastname: last_name
  jobtitle: {column: job_title, on_null: clear}
  hs_lead_status: lead_status
associations:
  - {to: companies, column: company_ids, by: hs_object_id}
  - {to: contacts, column: relations, by: contact_number}
guards: {max_creates: 100, max_clears: 10}
"""

# Ten contacts of the portal, some with another job; three that are new; one e-mail and one option that HubSpot would refuse.
# Relations name other contacts by their contact_number, with a label or without one (null).
_TABLE = """
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE OR REPLACE TABLE analytics.contacts AS
WITH known AS (
  SELECT row_number() OVER (ORDER BY id::BIGINT) AS place, contact_number, email, firstname, lastname, jobtitle, hs_lead_status
  FROM {schema}.contacts
  WHERE _hubferry_deleted_at IS NULL AND email IS NOT NULL AND jobtitle IS NOT NULL AND contact_number IS NOT NULL
    AND hs_additional_emails IS NULL
  ORDER BY id::BIGINT LIMIT 10
), company AS (
  SELECT row_number() OVER (ORDER BY id::BIGINT) AS place, id
  FROM {schema}.companies WHERE _hubferry_deleted_at IS NULL ORDER BY id::BIGINT LIMIT 4
)
SELECT known.contact_number, email, firstname AS first_name, lastname AS last_name,
  CASE place WHEN 1 THEN NULL WHEN 2 THEN 'Chief of everything' WHEN 3 THEN 'Ferry captain' ELSE jobtitle END AS job_title,
  CASE place WHEN 4 THEN 'ABDUCTED' ELSE hs_lead_status END AS lead_status,
  CASE WHEN place <= 4 THEN [(SELECT id FROM company WHERE company.place = known.place)] ELSE [] END AS company_ids,
  CASE place
    WHEN 5 THEN json_object((SELECT contact_number FROM known AS other WHERE other.place = 6), 'Manager')
    WHEN 7 THEN json_object((SELECT contact_number FROM known AS other WHERE other.place = 8), NULL)
  END AS relations
FROM known
UNION ALL
SELECT * FROM (VALUES
  ('D-0000001', 'ada@example.com', 'Ada', 'Lovelace', 'Analyst', 'NEW', [(SELECT id FROM company WHERE place = 1)],
    json_object('D-0000002', 'Friend')),
  ('D-0000002', 'grace@example.com', 'Grace', 'Hopper', 'Rear admiral', 'OPEN', [(SELECT id FROM company WHERE place = 2)], NULL),
  ('D-0000003', 'not an e-mail', 'Joan', 'Clarke', 'Cryptanalyst', 'NEW', [], NULL)
)
"""


def write_source(warehouse: Path, schema: str) -> None:
    """Write the table as another program would, such as dbt; repeating it changes nothing but what the portal changed."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.begin()
        connection.execute(_TABLE.replace("{schema}", schema))
        connection.commit()
