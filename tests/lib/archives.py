#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
"""Good and hostile release archives for the tests of the unpacking.

archives.py make DIR PROGRAM VERSION [ARCH]   DIR/CASE/etcd-vVERSION-linux-ARCH.tar.gz for every hostile case, and
                                              DIR/cases: lines of "CASE<tab>words that the refusal must have"
archives.py good FILE PROGRAM VERSION [ARCH]  one good archive of any name

PROGRAM is tests/lib/etcd-stub.c, compiled; the version is written into a copy of it.
"""
import gzip
import hashlib
import io
import os
import platform
import struct
import sys
import tarfile
import zlib

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MARK = b"@ETCD-VERSION@"
INCOMPRESSIBLE = hashlib.shake_128(b"etcd-cluster").digest(64 << 10)  # makes the archives larger


class Release:
    """The entries of a good archive; every hostile one changes one of them."""

    def __init__(self, program, version, arch):
        with open(program, "rb") as f:
            self.program = f.read()
        self.version = version
        self.top = "etcd-v%s-linux-%s" % (version, arch)

    def binary(self, version=None):
        text = (version or self.version).encode()
        return self.program.replace(MARK, text.ljust(len(MARK), b"\0"))

    def entry(self, name, data=b"", kind=tarfile.REGTYPE, mode=0o755, link="", pax=None, raw_name=None):
        info = tarfile.TarInfo(raw_name if raw_name is not None else self.top + "/" + name)
        info.size, info.type, info.mode, info.linkname = len(data), kind, mode, link
        info.uid, info.gid, info.uname, info.gname = 528287, 89939, "builder", "primarygroup"
        info.mtime = 1700000000
        info.pax_headers = pax or {}
        return info, data

    def directory(self, name=""):
        return self.entry(name, kind=tarfile.DIRTYPE, raw_name=(self.top + "/" + name).rstrip("/"))

    def good(self):
        names = ["etcd", "etcdctl"] + ([] if self.version.startswith("3.4.") else ["etcdutl"])
        return [self.directory()] + [self.entry(name, self.binary()) for name in names] + [
            self.entry("README.md", INCOMPRESSIBLE, mode=0o644), self.directory("Documentation"),
            self.entry("Documentation/README.md", b"more\n", mode=0o644)]


def tar(entries, fmt=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def open_tar(entries):
    """A tar archive without its end, so that raw headers can follow."""
    return tar(entries).rstrip(b"\0") + b"\0" * (-len(tar(entries).rstrip(b"\0")) % 512)


def gz(data, level=6):
    return gzip.compress(data, level, mtime=0)


def header(name, size, kind=b"0", mode=0o755, size_field=None):
    """A raw ustar header with values that tarfile does not write."""
    h = bytearray(512)
    h[0:len(name)] = name.encode("latin-1")
    h[100:108] = b"%07o\0" % mode
    h[108:116] = h[116:124] = b"0000000\0"
    h[124:136] = size_field or b"%011o\0" % size
    h[136:148] = b"%011o\0" % 1700000000
    h[148:156] = b" " * 8
    h[156:157] = kind
    h[257:265] = b"ustar\x0000"
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def padded(data):
    return data + b"\0" * (-len(data) % 512)


END = b"\0" * 1024


def elf(data, offset, fmt, value):
    out = bytearray(data)
    struct.pack_into(fmt, out, offset, value)
    return bytes(out)


def gzip_stored_bomb(size):
    """A gzip file of zeros without keeping them in memory."""
    c = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = b"".join(c.compress(bytes(1 << 20)) for _ in range(size >> 20))
    return out + c.flush()


def replaced(r, name, *changed):
    """The good entries with the one of that name replaced."""
    return [x for e in r.good() for x in (changed if e[0].name == r.top + "/" + name else [e])]


def hostile(r):
    """CASE: (archive bytes, words that the refusal must contain)."""
    good, etcd, out = r.good(), r.binary(), {}

    def case(name, words, data):
        out[name] = (data, words)

    def with_entry(name, words, *entries, fmt=tarfile.GNU_FORMAT):
        case(name, words, gz(tar(good + list(entries), fmt)))

    whole = gz(tar(good))
    case("empty-file", "not a gzip file", b"")
    case("empty-gzip", "damaged", gz(b""))
    case("zeros", "has no", gz(bytes(10240)))
    case("html", "not a gzip file", b"<!DOCTYPE html><html><body>Please log in</body></html>\n" * 20)
    case("html-gzip", "damaged", gz(b"<!DOCTYPE html><html><body>Please log in</body></html>\n" * 20))
    case("plain-tar", "not a gzip file", tar(good))
    case("xz", "not a gzip file", __import__("lzma").compress(tar(good)))
    case("bzip2", "not a gzip file", __import__("bz2").compress(tar(good)))
    case("zip", "not a gzip file", b"PK\x03\x04" + bytes(200))
    case("gzip-twice", "damaged", gz(whole))
    case("gzip-thrice", "damaged", gz(gz(whole)))
    case("gzip-of-xz", "damaged", gz(__import__("lzma").compress(tar(good))))
    case("truncated-half", "damaged", whole[:len(whole) // 2])
    case("truncated-trailer", "damaged", whole[:-4])
    case("no-end-blocks", "damaged", gz(tar(good)[:tar(good).rindex(b"more\n") + 5]))
    case("trailing-garbage", "more behind the end", whole + b"garbage that is not gzip")
    case("trailing-gzip", "more behind the end", whole + gz(b"something else"))
    case("trailing-tar", "more behind the end", gz(tar(good) + tar([r.entry("etcd", b"#!/bin/sh\n")])))
    case("trailing-gzip-tar", "more behind the end", whole + gz(tar([r.entry("etcd", b"#!/bin/sh\n")])))

    for name in ("etcd", "etcdctl", "etcdutl"):
        case("missing-" + name, "has no " + r.top + "/" + name, gz(tar(replaced(r, name))))
        with_entry("duplicate-" + name, "twice", r.entry(name, etcd))
        case("symlink-" + name, "is a link",
             gz(tar(replaced(r, name, r.entry(name, kind=tarfile.SYMTYPE, link="/bin/true")))))
        case("hardlink-" + name, "is a link",
             gz(tar(replaced(r, name, r.entry(name, kind=tarfile.LNKTYPE, link=r.top + "/README.md")))))
        case("directory-" + name, "not a regular file", gz(tar(replaced(r, name, r.directory(name)))))
        case("empty-" + name, "is empty", gz(tar(replaced(r, name, r.entry(name, b"")))))
    case("setuid", "setuid", gz(tar(replaced(r, "etcd", r.entry("etcd", etcd, mode=0o4755)))))
    case("setgid", "setuid", gz(tar(replaced(r, "etcdctl", r.entry("etcdctl", etcd, mode=0o2755)))))
    case("sticky", "sticky", gz(tar(replaced(r, "etcd", r.entry("etcd", etcd, mode=0o1755)))))
    case("dot-etcd-too", "plain relative path", gz(tar(good + [r.entry("", etcd, raw_name="./" + r.top + "/etcd")])))

    for name, kind in (("fifo", tarfile.FIFOTYPE), ("char", tarfile.CHRTYPE), ("block", tarfile.BLKTYPE)):
        with_entry("device-" + name, "neither a regular file nor a directory", r.entry("dev", kind=kind))
    for name, kind in (("symlink", tarfile.SYMTYPE), ("hardlink", tarfile.LNKTYPE)):
        with_entry("document-" + name, "is a link", r.entry("Documentation/x", kind=kind, link="../../../etc/passwd"))
    with_entry("symlink-shadow", "is a link", r.entry("x", kind=tarfile.SYMTYPE, link="/etc/shadow"))
    with_entry("symlink-dir-then-file", "is a link", r.entry("d", kind=tarfile.SYMTYPE, link="/tmp"),
               r.entry("d/pwned", b"x"))
    with_entry("hardlink-with-body", "is a link", r.entry("x", b"", kind=tarfile.LNKTYPE, link="/etc/passwd"))

    for name, path in (("absolute", "/etc/cron.d/x"), ("dotdot", "../x"), ("dotdot-below", r.top + "/../../x"),
                       ("dotdot-end", r.top + "/Documentation/.."), ("dot", r.top + "/./etcd2"),
                       ("double-slash", r.top + "//etcd2"), ("newline", r.top + "/a\nb"),
                       ("escape", r.top + "/\x1b[2J"),
                       ("backslash", r.top + "/a\\b"), ("space", r.top + "/a b"), ("utf8", r.top + "/\u00e9t\u00e9"),
                       ("long", r.top + "/" + "x" * 5000), ("deep", r.top + "/" + "d/" * 3000 + "x")):
        with_entry("name-" + name, "not a plain relative path", r.entry("", b"x", raw_name=path))
    with_entry("name-empty", "not a plain relative path", r.entry("", b"x", raw_name=""))
    for name, path in (("top", "other/etcd"), ("prefix", r.top + "x/etcd"), ("none", "etcd")):
        with_entry("outside-" + name, "another release", r.entry("", etcd, raw_name=path))
    other = Release.__new__(Release)
    other.__dict__.update(r.__dict__, top="etcd-v9.9.9-linux-" + r.top.rsplit("-", 1)[1])
    case("another-version", "another release", gz(tar(other.good())))
    other.top = "etcd-v%s-darwin-arm64" % r.version
    case("another-system", "another release", gz(tar(other.good())))

    pax = tarfile.PAX_FORMAT
    with_entry("pax-dotdot", "plain relative path", r.entry("ok", b"x", pax={"path": "../../x"}), fmt=pax)
    with_entry("pax-absolute", "plain relative path", r.entry("ok", b"x", pax={"path": "/etc/x"}), fmt=pax)
    with_entry("pax-linkpath", "is a link",
               r.entry("ok", kind=tarfile.SYMTYPE, link="x", pax={"linkpath": "/etc/shadow"}), fmt=pax)
    with_entry("pax-xattr", "extended attributes",
               r.entry("ok", b"x", pax={"SCHILY.xattr.user.a": "b"}), fmt=pax)
    with_entry("pax-acl", "extended attributes",
               r.entry("ok", b"x",
                       pax={"SCHILY.acl.access": "user::rwx,group::r-x,other::r-x,user:daemon:rwx,mask::rwx"}),
               fmt=pax)
    with_entry("pax-flags", "extended attributes", r.entry("ok", b"x", pax={"SCHILY.fflags": "immutable"}), fmt=pax)
    with_entry("pax-sparse", "impossible size", r.entry("ok", b"0\n512\n" + bytes(1018), pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": r.top + "/ok",
        "GNU.sparse.realsize": str(1 << 40)}), fmt=pax)
    with_entry("pax-sparse-name", "not a plain relative path", r.entry("ok", b"1\n0\n512\n" + bytes(1016), pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "../x", "GNU.sparse.realsize": "512"}),
               fmt=pax)
    record = b"16 size=-1\n" + b"\0" * 5
    case("pax-size-negative", "damaged", gz(open_tar(good) + header("PaxHeader", 11, b"x") + padded(record[:11]) +
                                     header(r.top + "/etcd", 8) + padded(b"x" * 8) + END))
    hidden = padded(header(r.top + "/etcdutl", len(etcd)) + etcd)
    body = b"10 size=0\n"
    case("pax-size-zero", "twice", gz(open_tar(replaced(r, "etcdutl")) + header("PaxHeader", len(body), b"x") +
                                 padded(body) + header(r.top + "/etcdctl", len(hidden)) + hidden + END))

    case("size-larger-than-data", "damaged", gz(header(r.top + "/etcd", 10 << 20) + b"abc"))
    case("size-huge", "impossible size", gz(header(r.top + "/etcd", 0, size_field=b"\x80" + bytes(3) + struct.pack(
        ">Q", 1 << 60)) + b"abc"))
    case("size-10g", "impossible size", gz(header(r.top + "/etcd", 0, size_field=b"\x80" + bytes(3) + struct.pack(
        ">Q", 10 << 30)) + b"abc" + END))
    case("checksum", "damaged", gz(header(r.top + "/etcd", 3).replace(b"0000755", b"0000777") + padded(b"abc") + END))
    case("bomb-zeros", "bomb", gzip_stored_bomb(32 << 20))
    case("bomb-file", "bomb", gz(header(r.top + "/etcd", 32 << 20) + bytes(32 << 20) + END, 9))
    case("bomb-document", "bomb", gz(header(r.top + "/x", 32 << 20) + bytes(32 << 20) + END, 9))
    case("bomb-triple", "damaged", gz(gz(gz(bytes(16 << 20)))))
    case("many-entries", "entries", gz(b"".join(header("%s/f%d" % (r.top, i), 0) for i in range(20000)) + END, 1))

    script = r.entry("etcd", b"#!/bin/sh\necho etcd Version: 3.6.14\n")
    case("script", "does not run on this machine", gz(tar(replaced(r, "etcd", script))))
    arm = elf(etcd, 18, "<H", 0x28)
    case("wrong-class", "does not run on this machine",
         gz(tar(replaced(r, "etcd", r.entry("etcd", elf(arm, 4, "B", 1))))))
    case("wrong-machine", "does not run on this machine", gz(tar(replaced(r, "etcd", r.entry("etcd", arm)))))
    case("wrong-type", "does not run on this machine",
         gz(tar(replaced(r, "etcd", r.entry("etcd", elf(etcd, 16, "<H", 1))))))
    case("short-elf", "does not run on this machine", gz(tar(replaced(r, "etcd", r.entry("etcd", etcd[:10])))))
    case("wrong-version-inside", "has version 3.6.1,",
         gz(tar(replaced(r, "etcd", r.entry("etcd", r.binary("3.6.1"))))))
    case("pre-release-inside", "does not print an etcd version",
         gz(tar(replaced(r, "etcd", r.entry("etcd", r.binary(r.version + "-rc.0"))))))
    return out


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o644)


def main(argv):
    command, rest = argv[1], argv[2:]
    target, program, version = rest[:3]
    r = Release(program, version, rest[3] if len(rest) > 3 else ARCH)
    if command == "good":
        write(target, gz(tar(r.good())))
        return
    with open(os.path.join(target, "cases"), "w") as table:
        for name, (data, words) in hostile(r).items():
            write(os.path.join(target, name, r.top + ".tar.gz"), data)
            table.write("%s\t%s\n" % (name, words))


if __name__ == "__main__":
    main(sys.argv)
