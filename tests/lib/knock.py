#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
"""Bad connections: knock.py HOW ADDRESS PORT TIMES [FROM]

connect  connects and closes
garbage  sends bytes other than TLS
drip     sends a TLS header byte by byte until the server closes the connection
hold     opens TIMES connections and sends nothing until stdin ends; prints "held" when all are open
occupy   the same, and replaces each connection that the server closes
Prints the number of accepted connections.
FROM is the address of this side. If it ends in ":" or ".", each connection has another one that begins with it: up to
TIMES IPv6 addresses, or the 50 IPv4 addresses from .100 on.
"""

import os
import select
import socket
import sys
import time

how, address, port, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
source = sys.argv[5] if len(sys.argv) > 5 else None


def connect(number):
    own = source
    if source and source[-1] in ":.":
        own += "%x" % (number + 1) if source[-1] == ":" else "%d" % (number % 50 + 100)
    return socket.create_connection((address, port), timeout=20, source_address=own and (own, 0))


def closed(s):
    """True when the server has closed the connection."""
    try:
        return s.recv(4096, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def finish(s):
    """Reads until the server closes the connection."""
    try:
        while s.recv(4096):
            pass
    except OSError:
        pass
    s.close()


held = []
for i in range(times):
    s = connect(i)
    try:
        if how == "garbage":
            s.sendall(os.urandom(500) if i % 2 else b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            finish(s)
        elif how == "drip":
            for byte in b"\x16\x03\x01\x02\x00\x01" + bytes(200):
                s.sendall(bytes([byte]))
                time.sleep(0.1)
    except OSError:
        pass
    if how in ("hold", "occupy"):
        held.append(s)
    else:
        s.close()
if how in ("hold", "occupy"):
    print("held", flush=True)
while how == "occupy" and not select.select([sys.stdin], [], [], 0.01)[0]:
    for i, s in enumerate(held):
        if closed(s):
            s.close()
            held[i] = connect(i)
            times += 1
if how == "hold":
    sys.stdin.read()
print(times)
