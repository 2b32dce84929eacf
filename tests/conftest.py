"""Settings for all tests: quiet libraries, and threads that do not spin while they wait."""

import os
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# What tests download or decode is not kept in the user's home.
_cache = tempfile.TemporaryDirectory()
os.environ["VIDEO_ATTACK_CACHE"] = _cache.name
