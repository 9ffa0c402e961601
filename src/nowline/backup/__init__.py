"""Backups of a data folder: one consistent file, made while a server runs or not, and back."""
