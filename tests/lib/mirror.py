#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
"""A good or bad mirror of releases: mirror.py DIR

Serves DIR/files over http, and over https if DIR has tls.pem. The path is /MODE/…/FILE, with a method of Handler for
each MODE. Writes the ports to DIR/ports ("HTTP HTTPS") when it is ready, and a line "MODE FILE RANGE" for each request
to DIR/log.
"""
import gzip
import hashlib
import http.server
import os
import re
import ssl
import sys
import threading
import time

ENDLESS = 600 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = ""
    ports = []
    seen = {}
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def do_GET(self):
        parts = self.path.split("/")
        mode, name = parts[1], parts[-1]
        with self.lock:
            with open(os.path.join(self.root, "log"), "a") as f:
                f.write("%s %s %s\n" % (mode, name, self.headers.get("Range", "-")))
            self.seen[self.path] = self.seen.get(self.path, 0) + 1
        path = os.path.join(self.root, "files", name)
        self.close_connection = True
        try:
            with open(path, "rb") as f:
                data = f.read()
        except FileNotFoundError:
            return self.answer(404, b"not here\n")
        try:
            getattr(self, "mode_" + re.sub("[^a-z0-9]", "_", mode))(data, name)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def start(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def answer(self, status, data, **headers):
        self.start(status, len(data), **headers)
        self.wfile.write(data)

    @staticmethod
    def tag(data):
        return '"%s"' % hashlib.sha256(data).hexdigest()[:16]

    def mode_good(self, data, name):
        want = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if want and self.headers.get("If-Range") == self.tag(data) and int(want.group(1)) < len(data):
            at = int(want.group(1))
            self.answer(206, data[at:], ETag=self.tag(data),
                        Content_Range="bytes %d-%d/%d" % (at, len(data) - 1, len(data)))
        else:
            self.answer(200, data, ETag=self.tag(data))

    def mode_404(self, data, name):
        self.answer(404, b"<html>404</html>")

    def mode_500(self, data, name):
        self.answer(500, b"<html>500</html>")

    def mode_204(self, data, name):
        self.start(204)

    def mode_empty(self, data, name):
        self.answer(200, b"")

    def mode_html(self, data, name):
        self.answer(200, b"<!DOCTYPE html><html><body>Please log in</body></html>\n" * 40, Content_Type="text/html")

    def mode_wrong(self, data, name):
        self.answer(200, data[:-1] + bytes([data[-1] ^ 1]), ETag='"wrong"')

    def mode_anonymous_wrong(self, data, name):
        """Neither ETag nor length, so a client cannot recognise the file."""
        self.protocol_version = "HTTP/1.0"
        self.start(200)
        self.wfile.write(data[:-1] + bytes([data[-1] ^ 1]))

    def mode_slow(self, data, name):
        self.start(200, len(data), ETag=self.tag(data))
        for i in range(200):
            self.wfile.write(data[i * 10:i * 10 + 10])
            self.wfile.flush()
            time.sleep(0.1)

    def mode_stall(self, data, name):
        self.start(200, len(data), ETag=self.tag(data))
        self.wfile.write(data[:len(data) // 2])
        self.wfile.flush()
        time.sleep(30)

    def mode_silent(self, data, name):
        time.sleep(30)

    def mode_cut(self, data, name):
        self.start(200, len(data), ETag=self.tag(data))
        self.wfile.write(data[:len(data) // 2])

    def mode_cut_no_length(self, data, name):
        self.protocol_version = "HTTP/1.0"
        self.start(200)
        self.wfile.write(data[:len(data) // 2])

    def mode_cut_then_good(self, data, name):
        """The first request breaks off; the next one can resume."""
        (self.mode_cut if self.seen[self.path] == 1 else self.mode_good)(data, name)

    def mode_cut_then_changed(self, data, name):
        """The ETag changes after the first request, so a client cannot resume."""
        if self.seen[self.path] == 1:
            self.start(200, len(data), ETag='"old"')
            self.wfile.write(bytes(reversed(data))[:0] + data[:2] + bytes(len(data) // 2))
        else:
            self.mode_good(data, name)

    def mode_cut_then_lies(self, data, name):
        """Answers a range with another range; without a range it is good."""
        if self.seen[self.path] == 1:
            self.mode_cut(data, name)
        elif "Range" in self.headers:
            self.answer(206, data[10:], ETag=self.tag(data),
                        Content_Range="bytes 10-%d/%d" % (len(data) - 1, len(data)))
        else:
            self.mode_good(data, name)

    def mode_endless(self, data, name):
        self.start(200, Transfer_Encoding="chunked")
        block = data[:2] + bytes((1 << 20) - 2)
        for _ in range(ENDLESS >> 20):
            self.wfile.write(b"%x\r\n" % len(block) + block + b"\r\n")

    def mode_large(self, data, name):
        self.start(200, 1 << 40)
        self.wfile.write(data)

    def mode_encoded(self, data, name):
        self.answer(200, gzip.compress(data), Content_Encoding="gzip")

    def redirect(self, target):
        self.answer(302, b"elsewhere", Location=target)

    def mode_to_http(self, data, name):
        self.redirect("http://127.0.0.1:%d/good/x/%s" % (self.ports[0], name))

    def mode_to_https(self, data, name):
        self.redirect("https://127.0.0.1:%d/good/x/%s" % (self.ports[1], name))

    def mode_to_file(self, data, name):
        self.redirect("file://" + os.path.join(self.root, "files", name))

    def mode_loop(self, data, name):
        self.redirect("https://127.0.0.1:%d%s" % (self.ports[1], self.path))


def main():
    root = sys.argv[1]
    Handler.root = root
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)]
    if os.path.exists(os.path.join(root, "tls.pem")):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(os.path.join(root, "tls.pem"))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        servers[1].socket = tls.wrap_socket(servers[1].socket, server_side=True)
    Handler.ports = [s.server_port for s in servers]
    for s in servers:
        s.daemon_threads = True
        threading.Thread(target=s.serve_forever, daemon=True).start()
    with open(os.path.join(root, "ports.new"), "w") as f:
        f.write(" ".join(map(str, Handler.ports)) + "\n")
    os.rename(os.path.join(root, "ports.new"), os.path.join(root, "ports"))
    threading.Event().wait()


if __name__ == "__main__":
    main()
