"""Exit code 0 when the server beside it lives. For HEALTHCHECK: slim images have no curl."""

import sys
import urllib.request

try:
    path = sys.argv[1] if len(sys.argv) > 1 else "healthz"
    urllib.request.urlopen(f"http://127.0.0.1:9464/{path}", timeout=4)
except OSError as error:
    sys.exit(f"not {path}: {error}")
