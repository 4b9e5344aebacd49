#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Reads a trace (strace -f -y -e trace=openat,rename,renameat2,fsync,symlink,unlinkat,unlink) and prints every rename
# that a power cut could undo or empty. A file must be fsynced before its rename, a directory with all its new files,
# and the target directory afterwards. A staging directory (its name starts with a dot) is checked when it is renamed.
# Exit 1 if a rename is not durable, or if there is none.
import os
import re
import sys

created, links, synced, pending, bad, renames = set(), set(), set(), {}, [], 0

with open(sys.argv[1], encoding="utf-8", errors="replace") as trace:
    for line in trace:
        if " = -1 " in line:
            continue
        if m := re.search(r'openat\(.*?"([^"]+)", [^,)]*O_CREAT', line):
            created.add(m[1])
        elif m := re.search(r'symlink\("[^"]*", "([^"]+)"', line):
            links.add(m[1])  # a link has no content
        elif m := re.search(r'unlink(?:at)?\((?:AT_FDCWD[^,]*, )?"([^"]+)"', line):
            created.discard(m[1])
        elif m := re.search(r'fsync\(\d+<([^>]+)>', line):
            synced.add(m[1])
            pending.pop(m[1], None)
        elif m := re.search(r'rename(?:at2)?\((?:AT_FDCWD[^,]*, )?"([^"]+)", (?:AT_FDCWD[^,]*, )?"([^"]+)"', line):
            source, target = m[1], m[2]
            moved = [p for p in created if p == source or p.startswith(source + "/")]
            if not os.path.basename(os.path.dirname(target)).startswith("."):
                renames += 1
                pending[os.path.dirname(target)] = target
                directory = [] if source in links or moved == [source] else [source]
                for path in moved + directory:
                    if path not in synced:
                        bad.append(f"{source} was renamed to {target} before {path} was fsynced")
            created = created.difference(moved).union(target + p[len(source):] for p in moved)

bad += [f"{target}: its directory was not fsynced after the rename" for target in pending.values()]
print("\n".join(bad) or f"{renames} renames, all durable")
sys.exit(1 if bad or renames == 0 else 0)
