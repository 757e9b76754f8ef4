"""Calendars of projects from iCalendar files."""
