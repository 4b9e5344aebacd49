/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests with a certificate, as enroll_table.h.
 */
#pragma once

#include "enroll_table.h"

#define CERT	"cert "
#define CERT_N4 "cert c.sans=10.0.0.4,n4 name=n4 "
#define REC_N4	"rec=n4/10.0.0.4/K1/30d/1d/a4 "
#define N4_UP	ALL "at=n4/10.0.0.4/a4/up dns=etcd5.example.org/10.0.0.5 "
#define N4_DOWN ALL "at=n4/10.0.0.4/a4 dns=etcd5.example.org/10.0.0.5 "
#define MOVES	CERT_N4 REC_N4 "address=10.0.0.40 source=10.0.0.40 "

/* clang-format off */
static const struct row cert_rows[] = {
	/* --- Renewals. */
	{ "a renewal", CERT REC ALL, GO, NULL },
	{ "a renewal by one that does not answer", CERT REC N2_DEAD, GO, NULL },
	{ "a renewal of a record that was confirmed long ago", CERT REC_OLD ALL, GO, NULL },
	{ "a renewal with another case of letters", CERT "rec=n2/x.example.org/K1/9d/1d/a2 address=X.example.org "
	  "dns=x.example.org/10.0.0.2 " ALL, NO, "!MEMBERS" },
	{ "a renewal of one that is not in MEMBERS", CERT_N4 REC_N4 "address=10.0.0.4 source=10.0.0.4 " N4_UP, GO, NULL },
	{ "a renewal behind NAT, as its first token said (rule 4)", CERT_N4 REC_N4 "from=192.0.2.1 address=10.0.0.4 "
	  "source=192.0.2.1 " N4_UP, GO, NULL },
	{ "the same from elsewhere", CERT_N4 REC_N4 "from=192.0.2.1 address=10.0.0.4 source=192.0.2.9 " N4_UP, NO,
	  "asks from 192.0.2.9" },
	{ "the same with a final dot", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4 address=x.example.org. source=10.0.0.4 "
	  "dns=x.example.org/10.0.0.4 " N4_UP, GO, NULL },
	{ "the same with other letters", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4 address=X.example.ORG source=10.0.0.4 "
	  "dns=x.example.org/10.0.0.4 " N4_UP, GO, NULL },
	{ "a renewal while its name cannot be resolved", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4/10.0.0.4 "
	  "address=x.example.org source=10.0.0.4 " N4_UP, GO, NULL },
	{ "the same from elsewhere", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4/10.0.0.4 address=x.example.org "
	  "source=10.0.0.9 " N4_UP, NO, "asks from 10.0.0.9" },
	{ "the same, and it was never resolved", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4 address=x.example.org "
	  "source=10.0.0.4 " N4_UP, NO, "asks from" },
	{ "its name leads to another machine now", CERT_N4 "rec=n4/x.example.org/K1/9d/1d/a4/10.0.0.4 "
	  "address=x.example.org source=10.0.0.4 dns=x.example.org/10.0.0.4,10.0.0.2 " N4_UP, NO, "belongs to n2" },
	{ "a renewal while the cluster is being formed", CERT REC, GO, NULL },
	{ "the same while the disk is not in the record", CERT REC "gathers", GO, NULL },
	{ "with MEMBERS that were edited since", CERT REC ALL "mline=n1=10.0.0.1,n2=10.0.0.2", GO, NULL },
	{ "with another CLUSTER_TOKEN", CERT REC ALL "ctoken=blue", GO, NULL },
	{ "a clock that is wrong", CERT REC ALL "clock=3600", WAIT, "!the clock" },
	{ "with a SAN that all have", CERT REC ALL "sans=etcd.example.org", GO, NULL },
	{ "with its name and address as SANs", CERT REC ALL "sans=n2,10.0.0.2", GO, NULL },
	{ "with a SAN that a token gave it", CERT "rec=n2/10.0.0.2/K1/9d/1d/a2/-/lb.example.org sans=lb.example.org " ALL, GO,
	  NULL },
	{ "with the IPv6 form of its address", CERT REC ALL "address=::ffff:10.0.0.2", GO, NULL },

	/* --- Another CA host (rule 9). */
	{ "this one is a standby", CERT REC ALL "standby=n3/10.0.0.3:2382", WAIT,
	  "!n1 is a standby, and n3 (10.0.0.3:2382) is the CA host" },
	{ "a standby that does not know of whom", CERT REC ALL "standby", WAIT, "!and another machine is the CA host" },
	{ "a standby without a quorum", CERT REC "formed standby=n3/10.0.0.3:2382", WAIT, "!n1 is a standby" },
	{ "a standby that etcd names: only a takeover here counts", CERT REC ALL "standby other=n1/10.0.0.1:2382", WAIT,
	  "!etcd-cluster ca takeover" },
	{ "another one has taken over", CERT REC ALL "other=n3/10.0.0.3:2382", WAIT,
	  "n1 is a standby, and n3 (10.0.0.3:2382) is the CA host" },
	{ "the same, and a token for this machine", N2_BOUND ALL "other=n3/10.0.0.3:2382", WAIT, "n1 is a standby" },
	{ "etcd names this one, as another member or at another address", CERT REC ALL "other=n1/10.0.0.9:2382", GO, NULL },
	{ "taken over by a person's word, before etcd learns it", CERT REC ALL "claimed other=n3/10.0.0.3:2382", GO, NULL },
	{ "the same without a quorum", CERT REC "formed claimed", GO, NULL },

	/* --- Without a quorum. */
	{ "a renewal, soon (rule 8)", CERT REC "formed", GO, NULL },
	{ "a renewal, late (rule 8)", CERT REC_OLD "formed", WAIT, "cannot ask a quorum" },
	{ "a renewal on the last second (rule 8)", CERT "rec=n2/10.0.0.2/K1/30d/604799/a2 formed", GO, NULL },
	{ "a renewal one second later (rule 8)", CERT "rec=n2/10.0.0.2/K1/30d/604800/a2 formed", WAIT, "--recovery" },
	{ "one that enrolled yesterday", CERT "rec=n2/10.0.0.2/K1/1d/1d/0 formed", GO, NULL },
	{ "one that is on no record (rule 8)", CERT "formed", WAIT, "cannot ask a quorum" },
	{ "one that moved (rule 2)", MOVES "vacant formed dns=etcd5.example.org/10.0.0.5", WAIT, "cannot ask a quorum" },
	{ "another name (rule 8)", CERT REC "formed name=n9", NO, "!not what MEMBERS" },

	/* --- Names. */
	{ "a member as another member", CERT REC ALL N3, NO, "!not for the name n3" },
	{ "a member as another one that is on record", CERT REC ALL N3 "rec=n3/fd00::3/K3/9d/1d/a3", NO,
	  "!not for the name n3" },
	{ "a member as the CA host", CERT REC ALL "name=n1 address=10.0.0.1 source=10.0.0.1", NO, "!CA host itself" },
	{ "a member with the CA host's name", CERT REC ALL "name=n1", NO, "!CA host itself" },
	{ "a member as localhost", CERT REC "name=localhost", NO, "!localhost" },
	{ "a member as a new name", CERT_N4 REC_N4 "name=vault address=10.0.0.4 source=10.0.0.4 " N4_UP, NO,
	  "!token new --name vault" },
	{ "a member under a removed name", CERT_N4 REC_N4 "dead=n2/K9/9d name=n2 address=10.0.0.2", NO,
	  "!not for the name n2" },
	{ "a member under the name that MEMBERS has for its address now", CERT "c.sans=10.0.0.2,old name=n2 "
	  "rec=old/10.0.0.2/K1/30d/1d/a2 " ALL, GO, NULL },
	{ "the same at another address", CERT "c.sans=10.0.0.9,old rec=old/10.0.0.9/K1/30d/1d/a2 " ALL, NO,
	  "!not for the name n2" },
	{ "the same, and the name is another's on record", CERT "rec=old/10.0.0.2/K1/30d/1d/a9 " REC_K2 ALL, NO,
	  "!not for the name n2" },
	{ "a member that wants one more SAN (S1)", CERT REC ALL "sans=bank.example.org", NO, "!EXTRA_SANS" },
	{ "a SAN that its certificate has but its record has not (S1)", CERT REC ALL "c.sans=n2,10.0.0.2,old.example.org "
	  "sans=old.example.org", NO, "!EXTRA_SANS" },
	{ "the CA host's name as SAN (S1)", CERT REC ALL "sans=n1", NO, "!CA host itself" },
	{ "the CA host's address in IPv6 form as SAN (S1)", CERT REC ALL "sans=::ffff:10.0.0.1", NO, "!CA host itself" },
	{ "the CA host's name in upper case as SAN (S1)", CERT REC ALL "sans=N1", NO, "!CA host itself" },
	{ "the CA host's name with a final dot as SAN (S1)", CERT REC ALL "sans=n1.", NO, "!CA host itself" },
	{ "a wildcard as SAN (S1)", CERT REC ALL "sans=*.example.org", NO, "!EXTRA_SANS" },
	{ "another member's name as SAN (S1)", CERT REC ALL "sans=n3", NO, "!belongs to n3" },

	/* --- Addresses. */
	{ "any address, and the old one as SAN (S1)", CERT_N4 REC_N4 "address=10.0.0.66 sans=10.0.0.4 source=10.0.0.4 "
	  N4_UP, NO, "!asks from 10.0.0.4" },
	{ "a DNS name as address, and the old one as SAN (S1)", CERT_N4 REC_N4 "address=bank.example.org sans=10.0.0.4 "
	  "source=10.0.0.4 dns=bank.example.org/10.0.0.4 " N4_UP, NO, "!on record is 10.0.0.4" },
	{ "a DNS name of another member as address (S1)", CERT_N4 REC_N4 "address=etcd5.example.org source=10.0.0.4 "
	  N4_UP, NO, "!MEMBERS" },
	{ "a member that moved (rule 2)", MOVES "vacant " N4_DOWN, GO, NULL },
	{ "a member that moved, and the old one answers (S3)", MOVES "vacant " N4_UP, WAIT, "something answers" },
	{ "a member that moved, and something listens there (S3)", MOVES N4_DOWN, WAIT, "something answers" },
	{ "a member that moved, while the list has another ID (rule 2)", MOVES "vacant " ALL "at=n4/10.0.0.40/b4 "
	  "dns=etcd5.example.org/10.0.0.5", NO, "was removed on" },
	{ "a member that moved, by member update (rule 2)", MOVES ALL "at=n4/10.0.0.40/a4/up "
	  "dns=etcd5.example.org/10.0.0.5", WAIT, "something answers" },
	{ "one that moved and is no member yet", CERT_N4 "rec=n4/10.0.0.4/K1/1d/1d/0 address=10.0.0.40 source=10.0.0.40 " ALL
	  "dns=etcd5.example.org/10.0.0.5", NO, "on record is 10.0.0.4" },
	{ "a member that moved to a DNS name", CERT_N4 REC_N4 "address=x.example.org source=10.0.0.40 vacant "
	  "dns=x.example.org/10.0.0.40 " N4_DOWN, NO, "!on record is 10.0.0.4" },
	{ "a member that claims to have moved elsewhere than it is", CERT_N4 REC_N4 "address=10.0.0.40 source=10.0.0.41 "
	  "vacant " N4_DOWN, NO, "!asks from 10.0.0.41" },
	{ "a member behind NAT that claims to have moved elsewhere than it is (rule 2)", CERT_N4 REC_N4 "from=192.0.2.1 "
	  "address=10.0.0.40 source=192.0.2.1 vacant " N4_DOWN, NO, "!on record is 10.0.0.4" },
	{ "a member that moved onto a member", MOVES "vacant " N4_DOWN "at=n6/10.0.0.40/a6", NO, "another member" },
	{ "a member that moved onto a member by DNS", MOVES "vacant " N4_DOWN "at=n6/x.example.org/a6 "
	  "dns=x.example.org/10.0.0.40", NO, "another member" },
	{ "a member that moved onto a machine on record", MOVES "vacant " N4_DOWN "rec=n6/10.0.0.40/K6/1d/1d/0", NO,
	  "!another machine" },
	{ "a member that moved onto what a machine had by DNS", MOVES "vacant " N4_DOWN
	  "rec=n6/x.example.org/K6/1d/1d/0/10.0.0.40", NO, "!another machine" },
	{ "a member that moved onto the CA host", CERT_N4 REC_N4 "address=10.0.0.1 source=10.0.0.1 vacant " N4_DOWN, NO,
	  "!CA host itself" },
	{ "a member that moved onto the VIP (rule 5)", CERT_N4 REC_N4 "address=10.0.0.100 source=10.0.0.100 vacant " N4_DOWN,
	  NO, "!on record is 10.0.0.4" },
	{ "a member that moved while a name of MEMBERS is unknown", MOVES "vacant " ALL "at=n4/10.0.0.4/a4", WAIT,
	  "cannot resolve the address of n5" },
	{ "a member of MEMBERS that moved, and MEMBERS does not know", CERT REC N2_DEAD "address=10.0.0.40 "
	  "source=10.0.0.40 vacant", NO, "!MEMBERS there" },
	{ "a member of MEMBERS that moved, and MEMBERS says so", CERT "rec=n2/10.0.0.22/K1/9d/1d/a2 " ALL, GO, NULL },
	{ "a stolen certificate, from elsewhere (S3)", CERT REC ALL "source=10.9.9.9", NO, "10.9.9.9" },
	{ "a stolen certificate, with the thief's address (S3)", CERT REC ALL "address=10.9.9.9 source=10.9.9.9", NO,
	  "!MEMBERS there" },
	{ "a stolen certificate of one that MEMBERS does not have (S3)", CERT_N4 REC_N4 "address=10.9.9.9 source=10.9.9.9 "
	  N4_UP, WAIT, "something answers" },
	{ "an address on record that a later machine got", CERT_N4 REC_N4 "address=10.0.0.4 source=10.0.0.4 "
	  "rec=n6/10.0.0.4/K6/1d/1d/a6 " N4_UP, NO, "!another machine" },
	{ "an address on record that an earlier machine had", CERT_N4 REC_N4 "address=10.0.0.4 source=10.0.0.4 "
	  "rec=n6/10.0.0.4/K6/60d/50d/a6 " N4_UP "at=n6/10.0.0.4/a6", GO, NULL },
	{ "an address on record that a list claims for another (member update)", CERT_N4 REC_N4 "address=10.0.0.4 "
	  "source=10.0.0.4 " N4_UP "at=n6/10.0.0.4/a6/up", GO, NULL },

	/* --- Keys. */
	{ "a new key (S3)", CERT REC ALL "key=K3", NO, "!a new key of n2 needs a token" },
	{ "a new key without a record (S3)", CERT ALL "key=K3", NO, "!a new key of n2 needs a token" },
	{ "a key that a newer one has replaced (S3)", CERT "rec=n2/10.0.0.2/K2/1d/1d/a2 dead=n2/K1/1d " ALL, NO,
	  "!a newer key has replaced" },
	{ "another key than the recorded one", CERT REC_K2 ALL, NO, "!is not the one that n2 has had" },
	{ "the key of a machine that moved its name away", CERT "rec=n9/10.0.0.9/K1/1d/1d/0 " REC_K2 ALL, NO,
	  "!not for the name n2" },
	{ "the recorded key, asked for by another certificate", CERT "c.key=K3 " REC ALL, NO, "!is not the one that n2" },

	/* --- On no record. */
	{ "one of MEMBERS with copied certificates", CERT ALL, GO, NULL },
	{ "the same, and it does not answer", CERT N2_DEAD, GO, NULL },
	{ "the same before there is a cluster", CERT, GO, NULL },
	{ "the same, and it is no member", CERT N2_GONE, NO, "any more" },
	{ "the same for another address than its certificate", CERT "c.sans=n2,10.0.0.9 " ALL, NO, "neither on record" },
	{ "one that is not in MEMBERS (rule 1)", CERT_N4 "address=10.0.0.4 source=10.0.0.4 " N4_UP, NO, "!neither on record" },
	{ "another's name in MEMBERS", CERT N3 ALL, NO, "!not for the name n3" },

	/* --- Removed machines. */
	{ "one that was removed (S2)", CERT REC N2_GONE, NO, "was removed on" },
	{ "a learner that was removed fifteen minutes ago (S2)", CERT LEARNER "listed=14/60 " N2_GONE, NO, "was removed on" },
	{ "a learner that the last look did not find", CERT LEARNER "listed=0/0 " N2_GONE, WAIT, "yet" },
	{ "a learner that was missed often, and a moment ago", CERT LEARNER "listed=14/59 " N2_GONE, WAIT, "yet" },
	{ "a learner that was missed in what is the future now", CERT LEARNER "listed=14/-60 " N2_GONE, WAIT, "yet" },
	{ "a learner that was missed often and is there again", CERT LEARNER "listed=14/60 " ALL, GO, NULL },
	{ "a learner that was missed often, and no quorum now", CERT LEARNER "listed=14/60 formed", GO, NULL },
	{ "one that was removed, and its name has another member now (S2)", CERT REC "quorum at=n1/10.0.0.1/a1/up "
	  "at=n2/10.0.0.2/b2/up", NO, "was removed on" },
	{ "one that was removed long ago (S2)", CERT "dead=n2/K1/300d " N2_GONE, NO, "!was removed on" },
	{ "one that was removed and put itself into the list (S2)", CERT "dead=n2/K1/1d " ALL, NO, "!was removed on" },
	{ "the same without a quorum", CERT "dead=n2/K1/60 formed", NO, "!was removed on" },
	{ "the same before there is a cluster", CERT "dead=n2/K1/60", NO, "!was removed on" },
	{ "one that was removed, whose name a newer key has", CERT "dead=n2/K1/9d rec=n2/10.0.0.2/K2/1d/1d/a2 " ALL, NO,
	  "!a newer key has replaced" },
	{ "one that was removed, as another of MEMBERS", CERT "dead=n9/K1/9d " ALL, NO, "!n9 was removed on" },
	{ "one that was removed and is on no record", CERT "dead=n2/K2/9d " ALL, NO, "!was removed on" },
	{ "both record and tombstone: killed in between", CERT REC "dead=n2/K1/60 " ALL, NO, "!" },
	{ "one that enrolled yesterday and waits to be added", CERT "rec=n2/10.0.0.2/K1/1d/1d/0 " N2_GONE, WAIT,
	  "not a member of the cluster yet" },
	{ "one that has waited for six days", CERT "rec=n2/10.0.0.2/K1/6d/6d/0 " N2_GONE, WAIT, "yet" },
	{ "one that has waited for a year", CERT "rec=n2/10.0.0.2/K1/365d/365d/0 " N2_GONE, WAIT, "yet" },
	{ "one with a new key, while the list has the old member", CERT "rec=n2/10.0.0.2/K1/1d/1d/0 not=a2 " N2_DEAD, WAIT,
	  "yet" },
	{ "one with a new key that has become another member", CERT "rec=n2/10.0.0.2/K1/1d/1d/0 not=a2 quorum "
	  "at=n1/10.0.0.1/a1/up at=n2/10.0.0.2/b2/up", GO, NULL },
	{ "a member whose name changed in the list", CERT REC "quorum at=n1/10.0.0.1/a1/up at=x/10.0.0.2/a2/up", GO, NULL },

	/* --- ADDRESSES. */
	{ "further addresses on record", "cert addresses=192.0.2.2 " REC "more=192.0.2.2,fd00::22 " ALL, GO, NULL },
	{ "none of them any more", "cert " REC "more=192.0.2.2 " ALL, GO, NULL },
	{ "one that is not on record", "cert addresses=192.0.2.3 " REC "more=192.0.2.2 " ALL, NO, "!no token has given n2" },
	{ "one that another machine has on record", "cert addresses=192.0.2.6 " REC "rec=n6/10.0.0.6/K6/9d/1d/a6 "
	  "more=192.0.2.6 " ALL, NO, "!has 192.0.2.6" },
	{ "the address of another member", "cert addresses=10.0.0.66 " REC "at=n6/10.0.0.66/a6/up " ALL, NO,
	  "!no token has given n2" },

	/* --- For the revocation list. */
	{ "a member", CERT REC ALL "list", GO, NULL },
	{ "a member at another address, with another clock", CERT REC ALL "list source=10.0.0.9 clock=-90000", GO, NULL },
	{ "one that is about to become a member", CERT "rec=n2/10.0.0.2/K1/60/60/0 " N2_GONE "list", GO, NULL },
	{ "a member without a quorum", CERT REC_OLD "formed list", GO, NULL },
	{ "one that a CA host without records certified", CERT ALL "list", GO, NULL },
	{ "a key that was replaced", CERT REC_K2 "dead=n2/K1/60 " ALL "list", NO, "!a newer key has replaced" },
	{ "a key that never was this machine's", CERT REC_K2 ALL "list", NO, "!is not the one that n2 has had" },
	{ "a removed machine", CERT "dead=n2/K1/60 " N2_GONE "list", NO, "!was removed on" },
	{ "a removed machine under another name", CERT "name=n7 dead=n2/K1/60 " N2_GONE "list", NO, "!n2 was removed on" },
	{ "a removed machine without a record", CERT "dead=n2/K2/60 " N2_GONE "list", NO, "!was removed on" },
	{ "one that was removed since", CERT REC N2_GONE "list", NO, "was removed on" },
};
/* clang-format on */
