/* SPDX-License-Identifier: Apache-2.0
 *
 * What upstream's guides, advisories and measurements say about the releases of etcd: all of it that changes with time.
 * etcd-cluster.8 has the same in words.
 */
#include "release/step.h"

#define GUIDE "https://etcd.io/docs/latest/upgrades/"

/* Upstream moved the floor of 3.6 five times in 16 months. */
const struct step_rule step_rules[] = {
	{ 4,
	  5,
	  STEP_NO_AUTH,
	  { 0 },
	  "3.5 writes authentication into its log in another form, so members of both lines cannot share it",
	  GUIDE "upgrade_3_5/" },
	{ 5,
	  6,
	  STEP_FLOOR,
	  { 3, 5, 32 },
	  "older ones can have learners, removed members or v2 data in the part of the data that 3.6 begins to use; "
	  "3.5.26 and later correct that when they start",
	  GUIDE "upgrade_3_6/, etcd-io/etcd#19557, #20793, #21849" },
	{ 5,
	  6,
	  STEP_NO_LEARNER,
	  { 0 },
	  "3.6 takes over who is a learner from data that 3.5 may not have kept",
	  GUIDE "upgrade_3_6/, etcd-io/etcd#19557" },
	{ 5,
	  6,
	  STEP_NO_V2,
	  { 0 },
	  "3.6 stops at its start when it reads such a request again",
	  "etcd-io/etcd#20809, #20870" },
	{ 6, 7, STEP_FLOOR, { 3, 6, 11 }, "upstream asks for it", GUIDE "upgrade_3_7/" },
	{ 6, 7, STEP_NO_LEARNER, { 0 }, "a member that is being added has to be whole first", GUIDE "upgrade_3_7/" },
	{ 6,
	  7,
	  STEP_NO_V2,
	  { 0 },
	  "3.7 cannot read such a request, not even those in which etcd 3.5 stored its own members",
	  "seen on 3.7.1: \"unmarshal should never fail\"" },
	{ 0 },
};

const struct step_flaw step_flaws[] = {
	{ { 3, 4, 42 }, "clients without permission could list members and alarms", "CVE-2026-33413" },
	{ { 3, 5, 28 }, "clients without permission could list members and alarms", "CVE-2026-33413, CVE-2026-33343" },
	{ { 3, 6, 9 }, "clients without permission could list members and alarms", "CVE-2026-33413, CVE-2026-33343" },
	{ { 3, 5, 30 }, "a flaw in security", "CVE-2026-44283" },
	{ { 3, 6, 11 }, "a flaw in security", "CVE-2026-44283" },
	{ { 3, 5, 33 },
	  "clients could take all memory by half-open TLS handshakes and by watches",
	  "GHSA-6vch-q96h-7gc3, GHSA-xg4h-6gfc-h4m8" },
	{ { 3, 6, 14 },
	  "clients could take all memory by half-open TLS handshakes and by watches",
	  "GHSA-6vch-q96h-7gc3, GHSA-xg4h-6gfc-h4m8" },
	{ { 3, 7, 1 },
	  "clients could take all memory by half-open TLS handshakes and by watches",
	  "GHSA-6vch-q96h-7gc3, GHSA-xg4h-6gfc-h4m8" },
	{ { 0 }, NULL, NULL },
};

const struct step_end step_ends[] = {
	{ 4, { 3, 4, 45 }, "June 2026", "https://etcd.io/docs/latest/op-guide/versioning/" },
	{ 0, { 0 }, NULL, NULL },
};
