#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Searches a machine for secrets: secrets.py ROOT (token TEXT | key PEM-FILE)…  prints "WHAT PATH" for each file with
# one, also for /proc/*/cmdline and environ. ROOT is /proc/PID/root of a process of the machine, or a directory without
# a proc.
#
# A token is searched as text, as the bytes of its hex digits, and as the values derived from it (enroll/token.h); an EC
# key (P-256) by the lines of its PEM with the private number, and by that number; each raw, in hex and in base64 at all
# three offsets.
import base64
import hashlib
import os
import subprocess
import sys

# Directories outside of the machine or without stored data.
SKIP = ("proc", "sys", "srv/dist", "dev")


def spellings(raw):
    """raw, in hex and in base64 at each offset, without the characters that depend on the neighbouring bytes."""
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        yield text[4 if shift else 0 : len(text) - 4]


def of_token(text):
    secret = text.encode()
    yield from spellings(secret)
    yield from spellings(hashlib.sha256(b"etcd-cluster token psk\0" + secret).digest())
    try:
        yield from spellings(bytes.fromhex(text))
    except ValueError:
        pass


def of_key(path):
    with open(path, "rb") as file:
        pem = file.read()
    # The private number of this EC key is in the first two lines of PKCS#8; the rest is the public key.
    yield from pem.splitlines()[1:3]
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True, capture_output=True,
                          text=True).stdout
    number = text.split("priv:")[1].split("pub:")[0]
    yield from spellings(bytes.fromhex("".join(number.replace(":", "").split()))[-32:])


def needles(args):
    found = {}
    for kind, value in zip(args[::2], args[1::2]):
        make = {"token": of_token, "key": of_key}[kind]
        for needle in make(value):
            assert len(needle) >= 16, (kind, needle)
            found[needle] = kind
    return found


def files(root):
    for at, dirs, names in os.walk(root):
        here = os.path.relpath(at, root)
        dirs[:] = [d for d in dirs if os.path.normpath(os.path.join(here, d)) not in SKIP]
        yield from (os.path.join(at, name) for name in names)
    proc = os.path.join(root, "proc")
    for pid in filter(str.isdigit, os.listdir(proc) if os.path.isdir(proc) else []):
        yield from (os.path.join(proc, pid, name) for name in ("cmdline", "environ"))
    for at, _, names in os.walk(os.path.join(root, "dev/shm")):
        yield from (os.path.join(at, name) for name in names)


def main():
    root, wanted, seen = sys.argv[1], needles(sys.argv[2:]), 0
    for path in files(root):
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            continue  # a process that has ended
        seen += 1
        for kind in sorted({kind for needle, kind in wanted.items() if needle in content}):
            print(kind, "/" + os.path.relpath(path, root))
    least = 1000 if os.path.isdir(os.path.join(root, "proc")) else 1
    assert seen >= least, f"only {seen} files below {root}: that is no machine"


main()
