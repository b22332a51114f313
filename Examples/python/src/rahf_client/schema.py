"""The generated messages. Their classes exist only at run time, so type checkers see Any."""

from __future__ import annotations

from typing import Any

from . import rahf_pb2

pb: Any = rahf_pb2
