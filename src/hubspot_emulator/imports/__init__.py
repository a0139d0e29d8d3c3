"""Imports: files of rows that become records and associations, some time after they were handed in."""
