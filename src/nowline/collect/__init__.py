"""Collectors of this machine and this server; what they measure is ingested like any client's."""
