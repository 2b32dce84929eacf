"""The command `python -m video_attack.agents.verify`; its work is in `agents.audit.verify`."""
