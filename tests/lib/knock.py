#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
"""Bad connections: knock.py HOW ADDRESS PORT TIMES [FROM]

connect  connects and closes
garbage  sends bytes other than TLS
drip     sends a TLS header byte by byte until the server closes the connection
hold     opens TIMES connections and sends nothing until stdin ends; prints "held" when all are open
Prints the number of accepted connections.
"""

import os
import socket
import sys
import time

how, address, port, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
source = (sys.argv[5], 0) if len(sys.argv) > 5 else None


def connect():
    return socket.create_connection((address, port), timeout=20, source_address=source)


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
    s = connect()
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
    if how == "hold":
        held.append(s)
    else:
        s.close()
if how == "hold":
    print("held", flush=True)
    sys.stdin.read()
print(times)
