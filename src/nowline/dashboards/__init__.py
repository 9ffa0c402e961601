"""Dashboards that people make: kept with their versions, each change checked and told apart."""
