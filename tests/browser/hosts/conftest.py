"""The acts take long and need the packages of all hosts: they run where they are asked for."""

from __future__ import annotations

import os

collect_ignore = (
    []
    if os.environ.get("LANDSCAPE_HOSTS")
    else ["test_acts.py", "test_documents.py", "test_embedded.py", "test_kernel.py", "test_sphinx.py"]
)
