#!/usr/bin/python3
"""A small shop: the application that the demo and the tests release.

/health names the release and needs no database; / reads orders and records
the visit of a user; POST /order writes one. Configuration: app.env.
"""
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

HERE = os.path.dirname(os.path.realpath(__file__))
RELEASE = open(os.path.join(HERE, "VERSION")).read().strip()
HEALTHY = True


def configuration():
    pairs = {}
    for line in open(os.path.join(HERE, "app.env")):
        name, _, value = line.strip().partition("=")
        pairs[name] = value
    return pairs


CONFIG = configuration()


def query(sql, *values):
    connection = psycopg2.connect(CONFIG["DATABASE"], connect_timeout=2)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.answer(200 if HEALTHY else 500, {"release": RELEASE})
            return
        query("INSERT INTO session (seen_at) VALUES (now())")
        rows = query("SELECT id, total FROM orders ORDER BY id DESC LIMIT 3")
        self.answer(200, {"release": RELEASE, "newest": [r[0] for r in rows]})

    def do_POST(self):
        rows = query("INSERT INTO orders (total) VALUES (42) RETURNING id")
        self.answer(201, {"release": RELEASE, "order": rows[0][0]})

    def log_message(self, form, *args):
        if self.path != "/health":
            sys.stderr.write("%s %s\n" % (RELEASE, form % args))


if __name__ == "__main__":
    address = (CONFIG["ADDRESS"], int(CONFIG["PORT"]))
    ThreadingHTTPServer.request_queue_size = 64
    ThreadingHTTPServer(address, Shop).serve_forever()
