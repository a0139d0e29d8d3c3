"""HubSpot into the warehouse: plan the reader, read, merge, sweep."""
