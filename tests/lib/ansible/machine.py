# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A connection plugin of Ansible for test machines: commands run with tests/lib/machine exec, files are copied into the
# root directory of the machine. Ansible has no plugin for machines without machined, and ssh is not part of the test.
import os
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
    name: machine
    author: The etcd-cluster Authors
    short_description: a machine of tests/lib/machine
    description: The host's name is the machine's.
    options: {}
"""

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "machine")


class Connection(ConnectionBase):
    transport = "machine"
    has_pipelining = True

    def _name(self):
        return self._play_context.remote_addr

    def _path(self, path):
        root = subprocess.run([TOOL, "root", self._name()], check=True, capture_output=True, text=True).stdout.strip()
        return root + os.path.normpath("/" + path)

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        done = subprocess.run([TOOL, "exec", self._name(), "/bin/sh", "-c", cmd], input=in_data or b"",
                              capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        with open(in_path, "rb") as source, open(self._path(out_path), "wb") as target:
            target.write(source.read())

    def fetch_file(self, in_path, out_path):
        with open(self._path(in_path), "rb") as source, open(out_path, "wb") as target:
            target.write(source.read())

    def close(self):
        self._connected = False
