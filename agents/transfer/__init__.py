"""The command `python -m video_attack.agents.transfer`; its work is in `agents.audit.transfer`."""
