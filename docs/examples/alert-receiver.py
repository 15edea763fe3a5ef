"""Takes Alertmanager's webhook on a local port and hands each delivery to `midwatch declare --from-alert -`.

    alert-receiver.py PORT TOKEN-FILE RUNBOOK [ARGUMENT …]

Alertmanager sends a delivery again that is answered with 5xx, and drops one that is answered with 4xx.
"""

import hmac
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

LIMIT_BYTES = 2 * 1024 * 1024
PORT, TOKEN, ARGUMENTS = int(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8").strip(), sys.argv[3:]


class Receiver(BaseHTTPRequestHandler):
    """One delivery."""

    timeout = 10

    def do_POST(self) -> None:
        """Answer 200 when it was taken, 400 when it can never be taken, 503 when it should come again."""
        length = self.headers.get("Content-Length", "")
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), f"Bearer {TOKEN}".encode()):
            self.send_error(401)
        elif not length.isdecimal() or int(length) > LIMIT_BYTES:
            self.send_error(413)
        else:
            command = ["midwatch", "declare", *ARGUMENTS, "--from-alert", "-"]
            body = self.rfile.read(int(length))
            done = subprocess.run(command, check=False, input=body, capture_output=True, timeout=120)
            self.send_response({0: 200, 2: 400}.get(done.returncode, 503))
            self.end_headers()
            self.wfile.write(done.stdout + done.stderr)


HTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
