"""A page for whoever proves by a ticket who he is, and how he got it: web_service.py ADDRESS PORT"""

import base64
import http.server
import sys

import gssapi

INDICATORS = b"auth-indicators"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind != "Negotiate":
            return self.answer(401, "ticket wanted", "Negotiate")
        context = gssapi.SecurityContext(usage="accept")
        try:
            reply = base64.b64encode(context.step(base64.b64decode(token))).decode()
        except gssapi.exceptions.GSSError as error:
            return self.answer(403, f"{error}", "Negotiate")
        name = context.initiator_name
        indicators = name.attributes[INDICATORS].values if INDICATORS in list(name.attributes) else []
        self.answer(200, f"{name}: {b' '.join(indicators).decode()}", f"Negotiate {reply}")

    def answer(self, status, text, challenge):
        self.send_response(status)
        self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


address, port = sys.argv[1:]
server = http.server.HTTPServer((address, int(port)), Page)
print("listening", flush=True)
server.serve_forever()
