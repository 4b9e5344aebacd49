/* SPDX-License-Identifier: Apache-2.0
 *
 * A small program that answers --version and --help like etcd, so that a test can install hundreds of archives in
 * seconds.
 * tests/lib/archives.py writes the version into it.
 */
#include <stdio.h>
#include <string.h>

/* archives.py overwrites it in the compiled file, so the compiler must not fold it into the code. */
static volatile const char version[32] = "@ETCD-VERSION@";

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		char copy[sizeof(version)];

		for (size_t i = 0; i < sizeof(copy); i++)
			copy[i] = version[i];
		return printf("etcd Version: %.31s\nGit SHA: 0000000\nGo Version: go1.23.0\nGo OS/Arch: linux\n",
			      copy) < 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		static const char *const options[] = { "name",
						       "data-dir",
						       "wal-dir",
						       "snapshot-count",
						       "heartbeat-interval",
						       "election-timeout",
						       "listen-client-urls",
						       "advertise-client-urls",
						       "listen-peer-urls",
						       "initial-advertise-peer-urls",
						       "initial-cluster",
						       "initial-cluster-state",
						       "initial-cluster-token",
						       "listen-metrics-urls",
						       "cert-file",
						       "key-file",
						       "trusted-ca-file",
						       "client-cert-auth",
						       "peer-cert-file",
						       "peer-key-file",
						       "peer-trusted-ca-file",
						       "client-crl-file",
						       "peer-crl-file",
						       "peer-client-cert-auth",
						       "peer-cert-allowed-cn" };

		(void)fputs("Usage:\n\n  etcd [flags]\n\nMember:\n", stdout);
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			(void)printf("  --%s ''\n    What it does.\n", options[i]);
		return 0;
	}
	return 1;
}
