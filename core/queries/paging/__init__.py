"""Filters, cursors and bounded index scans that every list shares."""
