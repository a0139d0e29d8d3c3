"""Exports: files made of records, some time after they were asked for."""
