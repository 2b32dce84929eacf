"""Attacks that look at nothing of an answer but the predicted class."""
