"""HubSpot over HTTP: client, limits, retry, readers, writers. Knows no warehouse, no stream, no sync."""
