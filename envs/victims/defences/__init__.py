"""Defences: functions that change a clip before the victim sees it, a module each."""
