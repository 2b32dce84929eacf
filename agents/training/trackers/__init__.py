"""Experiment trackers: where the figures of each training iteration go besides progress.jsonl."""
