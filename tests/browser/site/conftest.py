"""The site takes minutes to build: its tests run where it was built."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("LANDSCAPE_SITE") else ["test_site.py"]
