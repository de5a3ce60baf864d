"""Requests out of the house, to addresses that the operator listed and no others."""
