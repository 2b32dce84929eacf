"""The command `python -m video_attack.agents.tables`; its work is in `agents.audit.tables`."""
