"""hubferry's own tables in the warehouse: runs, cursors, leases, ledger."""
