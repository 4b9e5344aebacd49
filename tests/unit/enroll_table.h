/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests with a token, one on each line, in the words of enroll_scene.h. S1, S2 …: holes of former rules.
 */
#pragma once

#include "enroll_scene.h"

/* USE, GO: 1 and 0 of enroll_rules. */
enum { USE = 1, GO = 0, NO = -ERR_VERIFY, WAIT = -ERR_PENDING };

struct row {
	const char *what, *words;
	int want;
	const char *text; /* in message or hint; after a "!" it must come before anybody is asked */
};

#define FORMING	 "token t.members "
#define ANY	 "token "
#define FOR_N4	 "token t.name=n4 "
#define FOR_N2	 "token t.name=n2 "
#define N4	 "name=n4 address=10.0.0.4 source=10.0.0.4 "
#define N4_BOUND "token t.name=n4 t.address=10.0.0.4 " N4
#define N2_BOUND "token t.name=n2 t.address=10.0.0.2 "
#define N3	 "name=n3 address=fd00::3 source=fd00::3 "
#define MLINE	 "n1=10.0.0.1,n2=10.0.0.2,n3=fd00::3,n5=etcd5.example.org"
/* A quorum of n1, n2 and n3. */
#define ALL	"quorum at=n1/10.0.0.1/a1/up at=n2/10.0.0.2/a2/up at=n3/fd00::3/a3/up "
#define N2_DEAD "quorum at=n1/10.0.0.1/a1/up at=n2/10.0.0.2/a2 at=n3/fd00::3/a3/up "
#define N2_GONE "quorum at=n1/10.0.0.1/a1/up at=n3/fd00::3/a3/up "
/* n2 on record, as a member for a month, and confirmed a day ago. */
#define REC	"rec=n2/10.0.0.2/K1/30d/1d/a2 "
#define REC_OLD "rec=n2/10.0.0.2/K1/30d/8d/a2 "
#define LEARNER "rec=n2/10.0.0.2/K1/1d/1d/0 " /* add listed= */
#define REC_K2	"rec=n2/10.0.0.2/K2/30d/1d/a2 "

/* clang-format off */
static const struct row token_rows[] = {
	/* --- Forming. */
	{ "one of MEMBERS", FORMING, USE, NULL },
	{ "another one of MEMBERS", FORMING N3, USE, NULL },
	{ "the same address written otherwise", FORMING "name=n3 address=fd00:0:0::3 source=fd00::3", USE, NULL },
	{ "over IPv6 in IPv4 form", FORMING "source=::ffff:10.0.0.2", USE, NULL },
	{ "its address in IPv6 form", FORMING "address=::ffff:10.0.0.2", USE, NULL },
	{ "with the cluster it is to form", FORMING "mline=" MLINE " ctoken=etcd-cluster ports=2379,2380", USE, NULL },
	{ "the answer got lost, first token use", FORMING "t.used=n2/K1 " REC, GO, NULL },
	{ "the answer got lost, token used up", FORMING "t.used=n2/K1 t.uses=1 " REC, GO, NULL },
	{ "killed before the record was written", FORMING "t.used=n2/K1 t.uses=1", GO, NULL },
	{ "late, the others run already", FORMING N2_DEAD, USE, NULL },
	{ "late, and no quorum without it", FORMING "formed", USE, NULL },
	{ "while its disk is in the record", FORMING "gathers admitted", USE, NULL },
	{ "with another disk than before", FORMING "gathers admitted " REC_K2, USE, NULL },
	{ "while its disk is not in the record", FORMING "gathers", WAIT, "!does not name the disk" },
	{ "an address by DNS", FORMING "name=n5 address=etcd5.example.org dns=etcd5.example.org/10.0.0.5 source=10.0.0.5",
	  USE, NULL },
	{ "an address by DNS in other letters",
	  FORMING "name=n5 address=ETCD5.example.org dns=etcd5.example.org/10.0.0.5 source=10.0.0.5", USE, NULL },
	{ "an address by DNS with a final dot",
	  FORMING "name=n5 address=etcd5.example.org. dns=etcd5.example.org/10.0.0.5 source=10.0.0.5", USE, NULL },
	{ "an address by DNS that is elsewhere",
	  FORMING "name=n5 address=etcd5.example.org dns=etcd5.example.org/10.0.0.5 source=10.0.0.6", NO, "asks from" },
	{ "an address by DNS that is unknown", FORMING "name=n5 address=etcd5.example.org source=10.0.0.5", NO,
	  "asks from" },
	{ "29 minutes ahead", FORMING "clock=1740", USE, NULL },
	{ "29 minutes behind", FORMING "clock=-1740", USE, NULL },
	{ "31 minutes ahead", FORMING "clock=1860", WAIT, "!the clock of this machine says" },
	{ "31 minutes behind", FORMING "clock=-1860", WAIT, "!and that of the CA host 2027-" },
	{ "no battery", FORMING "clock=-1800000000", WAIT, "!1970-01-01" },
	{ "other MEMBERS", FORMING "mline=n1=10.0.0.1,n2=10.0.0.2", NO,
	  "!MEMBERS is n1=10.0.0.1,n2=10.0.0.2 on this machine and " MLINE },
	{ "the same MEMBERS in another order", FORMING "mline=n2=10.0.0.2,n1=10.0.0.1,n3=fd00::3,n5=etcd5.example.org", NO,
	  "!MEMBERS is" },
	{ "other CLUSTER_TOKEN", FORMING "ctoken=blue", NO, "!CLUSTER_TOKEN is blue" },
	{ "other ports", FORMING "ports=2379,7001", NO, "!2379,7001 on this machine" },
	{ "not in MEMBERS", FORMING N4, NO, "!MEMBERS of the CA host" },
	{ "a name that MEMBERS has in other letters", FORMING "name=N2", NO, "!is not what MEMBERS" },

	/* --- Names and addresses of other machines. */
	{ "a rogue as n3", FORMING "name=n3", NO, "!not what MEMBERS" },
	{ "a rogue at n3's address", FORMING "address=fd00::3", NO, "!MEMBERS" },
	{ "a rogue at n3's address in another form", ANY "name=n4 address=fd00:0::0003", NO, "!MEMBERS" },
	{ "a rogue with all of n3's but not its network", FORMING "name=n3 address=fd00::3", NO, "asks from 10.0.0.2" },
	{ "a rogue as the CA host", FORMING "name=n1", NO, "!CA host itself" },
	{ "a rogue as the CA host altogether", FORMING "name=n1 address=10.0.0.1 source=10.0.0.1", NO, "!CA host itself" },
	{ "a rogue at the CA host's address", ANY "name=n9 address=10.0.0.1", NO, "!CA host itself" },
	{ "the CA host's address in IPv6 form", ANY "name=n9 address=::ffff:10.0.0.1", NO, "!CA host itself" },
	{ "the CA host's address, with a token for it", "token t.name=n9 t.address=10.0.0.1 name=n9 address=10.0.0.1", NO,
	  "!CA host itself" },
	{ "the CA host's name by DNS (S1)",
	  "token t.name=n9 t.address=ca.example.org name=n9 address=ca.example.org source=10.0.0.9 "
	  "dns=ca.example.org/10.0.0.1,10.0.0.9", NO, "CA host itself" },
	{ "the address of one of MEMBERS by DNS (S1)",
	  "token t.name=n9 t.address=x.example.org name=n9 address=x.example.org source=10.0.0.9 "
	  "dns=x.example.org/10.0.0.2,10.0.0.9", NO, "it belongs to n2" },
	{ "the address of one of MEMBERS that is listed by DNS (S1)",
	  ANY "name=n9 address=10.0.0.5 source=10.0.0.5 dns=etcd5.example.org/10.0.0.5", NO, "it belongs to n5" },
	{ "the same while its name cannot be resolved, but was (S11)",
	  ANY "name=n9 address=10.0.0.5 source=10.0.0.5 rec=n5/etcd5.example.org/K5/9d/1d/a5/10.0.0.5", NO,
	  "it belongs to n5" },
	{ "the same while its name was never resolved (S11)", ANY "name=n9 address=10.0.0.5 source=10.0.0.5", WAIT,
	  "cannot resolve the address of n5" },
	{ "a name that is an address of MEMBERS", "token t.name=etcd5.example.org name=etcd5.example.org address=10.0.0.9 "
	  "source=10.0.0.9", NO, "!not what MEMBERS" },
	{ "a name that is an address of a member", "token t.name=etcd4.example.org name=etcd4.example.org "
	  "address=10.0.0.9 source=10.0.0.9 " ALL "at=n4/etcd4.example.org/a4 dns=etcd5.example.org/10.0.0.5", NO,
	  "another member of the cluster has etcd4.example.org" },
	{ "an address that is a name of MEMBERS", ANY "name=n9 address=n3 dns=n3/10.0.0.2", NO, "!MEMBERS" },
	{ "an address that is a name on record", "token t.name=n9 t.address=n4 name=n9 address=n4 dns=n4/10.0.0.2 "
	  "rec=n4/10.0.0.4/K4/9d/1d/a4", NO, "10.0.0.2" },
	{ "the address of a member that is not in MEMBERS", ANY "name=n9 address=10.0.0.4 source=10.0.0.4 " ALL
	  "at=n4/10.0.0.4/a4 dns=etcd5.example.org/10.0.0.5", NO, "another member of the cluster has 10.0.0.4" },
	{ "the same, listed by a name (S1)", ANY "name=n9 address=10.0.0.4 source=10.0.0.4 " ALL
	  "at=n4/x.example.org/a4 dns=x.example.org/10.0.0.4 dns=etcd5.example.org/10.0.0.5", NO, "another member" },
	{ "the same while no quorum answers (S11)", ANY "name=n9 address=10.0.0.4 source=10.0.0.4 formed "
	  "rec=n4/10.0.0.4/K4/9d/1d/a4", NO, "!another machine with certificates of this CA has 10.0.0.4" },
	{ "the address of a machine that is no member yet (S11)", ANY "name=n9 address=10.0.0.4 source=10.0.0.4 " ALL
	  "rec=n4/10.0.0.4/K4/1d/1d/0", NO, "!another machine" },
	{ "the address that a machine had by DNS when it enrolled (S11)", ANY "name=n9 address=10.0.0.4 source=10.0.0.4 "
	  "rec=n4/x.example.org/K4/1d/1d/0/10.0.0.4", NO, "!another machine" },
	{ "a name that a token gave another machine", "token t.name=lb.example.org name=lb.example.org address=10.0.0.9 "
	  "source=10.0.0.9 rec=n4/10.0.0.4/K4/1d/1d/0/-/lb.example.org", NO, "!another machine" },
	{ "the name of a machine that is no member yet", ANY "name=n4 address=10.0.0.9 source=10.0.0.9 "
	  "rec=n4/10.0.0.4/K4/1d/1d/0", NO, "!does not name it" },
	{ "a dead member's address, by a person's word", N4_BOUND ALL "at=n6/10.0.0.4/a6", USE, NULL },
	{ "a dead machine's address, by a person's word", N4_BOUND "rec=n6/10.0.0.4/K6/9d/1d/a6", USE, NULL },
	{ "a dead member's address, by MEMBERS alone", FORMING N2_DEAD "at=n6/10.0.0.2/a6", NO, "another member" },
	{ "localhost", ANY "name=localhost", NO, "!no machine can be" },
	{ "the name on the peer port", ANY "name=etcd-peer", NO, "!NAME=" },

	/* --- The source of the connection. */
	{ "from elsewhere", FORMING "source=10.0.0.77", NO, "10.0.0.77, which is not" },
	{ "from an address that a SAN stands for (S1)", FORMING "sans=etcd.example.org dns=etcd.example.org/192.0.2.9 "
	  "source=192.0.2.9", NO, "192.0.2.9, which is not" },
	{ "from an address that its name stands for (S4)", "token t.name=n4.example.org name=n4.example.org "
	  "address=10.0.0.4 source=10.0.0.9 dns=n4.example.org/10.0.0.9", NO, "!10.0.0.9, which is not" },
	{ "another's address, and a name that leads home as SAN (S4)", ANY "name=evil.example.org sans=evil.example.org "
	  "address=10.0.0.4 source=10.0.0.9 dns=evil.example.org/10.0.0.9", NO, "!does not name" },
	{ "by a proxy on the CA host", FORMING "source=127.0.0.1", NO, "127.0.0.1" },
	{ "by a proxy, with loopback among its addresses", "token t.name=n9 t.address=x.example.org name=n9 "
	  "address=x.example.org source=127.0.0.1 dns=x.example.org/10.0.0.9,127.0.0.1", NO, "127.0.0.1" },
	{ "a DNS name that is where it comes from, by the token", "token t.name=n4 t.address=n4.example.org name=n4 "
	  "address=n4.example.org source=10.0.0.4 dns=n4.example.org/fd00::4,10.0.0.4", USE, NULL },
	{ "a DNS name that only the machine itself names", FOR_N4 "name=n4 address=n4.example.org source=10.0.0.4 "
	  "dns=n4.example.org/10.0.0.4", NO, "!neither the token nor MEMBERS" },
	{ "a DNS name of a token for anybody", ANY "name=n4 address=n4.example.org source=10.0.0.4 "
	  "dns=n4.example.org/10.0.0.4", NO, "!neither the token nor MEMBERS" },
	{ "a DNS name that is elsewhere", "token t.name=n4 t.address=n4.example.org name=n4 address=n4.example.org "
	  "source=10.0.0.6 dns=n4.example.org/10.0.0.4", NO, "n4.example.org stands for" },
	{ "a DNS name that nobody can resolve", "token t.name=n4 t.address=n4.example.org name=n4 "
	  "address=n4.example.org source=10.0.0.4", NO, "ADDRESS=" },
	{ "a punycode name, by the token", "token t.name=n4 t.address=xn--bcher-kva.example name=n4 "
	  "address=xn--bcher-kva.example source=10.0.0.4 dns=xn--bcher-kva.example/10.0.0.4", USE, NULL },
	{ "all on one machine", ANY "name=n4 address=127.0.0.4 source=127.0.0.1 dns=etcd5.example.org/10.0.0.5", USE, NULL },
	{ "a loopback address from the network", ANY "name=n4 address=127.0.0.4 source=10.0.0.4", NO, "!10.0.0.4" },
	{ "the VIP as its address (rule 5)", FOR_N4 "name=n4 address=10.0.0.100 source=10.0.0.100", NO,
	  "!neither the token nor MEMBERS" },
	{ "a name that all members have (rule 5)", ANY "name=vip address=10.0.0.4 source=10.0.0.4", NO, "!EXTRA_SANS" },
	{ "the same, by a person's word", "token t.name=vip name=vip address=10.0.0.4 source=10.0.0.4 "
	  "dns=etcd5.example.org/10.0.0.5", USE, NULL },
	{ "the VIP as its source (rule 5)", FORMING "source=10.0.0.100 sans=10.0.0.100", NO, "asks from 10.0.0.100" },

	/* --- Further names. */
	{ "a SAN that all have", FORMING "sans=etcd.example.org", USE, NULL },
	{ "a SAN in other letters", FORMING "sans=ETCD.Example.Org", USE, NULL },
	{ "a SAN with a final dot", FORMING "sans=etcd.example.org.", USE, NULL },
	{ "with its own name and address as SANs", FORMING "sans=n2,10.0.0.2", USE, NULL },
	{ "a SAN of its own choice", FORMING "sans=bank.example.org", NO, "!EXTRA_SANS" },
	{ "a SAN hidden behind a good one", FORMING "sans=etcd.example.org,10.0.0.1", NO, "!10.0.0.1" },
	{ "a wildcard that nobody wrote down", FORMING "sans=*.example.org", NO, "!EXTRA_SANS" },
	{ "a SAN of the token", N4_BOUND "t.sans=lb.example.org sans=lb.example.org", USE, NULL },
	{ "a SAN beside that of the token", N4_BOUND "t.sans=lb.example.org sans=lc.example.org", NO, "!EXTRA_SANS" },
	{ "a SAN of the token that is an address of MEMBERS", N4_BOUND "t.sans=10.0.0.2 sans=10.0.0.2", NO,
	  "!it belongs to n2" },
	{ "a SAN of the token that is the CA host's", N4_BOUND "t.sans=n1 sans=n1", NO, "!CA host itself" },
	{ "a SAN on record, with another token", N2_BOUND "rec=n2/10.0.0.2/K1/9d/1d/0/-/lb.example.org sans=lb.example.org",
	  USE, NULL },
	{ "a SAN on record of the key before", N2_BOUND "rec=n2/10.0.0.2/K2/9d/1d/0/-/lb.example.org "
	  "sans=lb.example.org", NO, "!EXTRA_SANS" },

	/* --- Tokens. */
	{ "for its name", FOR_N4 N4 "dns=etcd5.example.org/10.0.0.5", USE, NULL },
	{ "for its address", "token t.address=10.0.0.4 " N4, USE, NULL },
	{ "for another name", FOR_N4, NO, "!for a machine called n4" },
	{ "for another address", "token t.address=10.0.0.4 name=n4 address=10.0.0.5 source=10.0.0.5", NO,
	  "!for the address 10.0.0.4" },
	{ "for its name, from its address", FOR_N4 "name=n4 address=10.0.0.5 source=10.0.0.4", NO, "!10.0.0.4" },
	{ "for its address, with a name of DNS", "token t.address=10.0.0.4 name=www.example.org address=10.0.0.4 "
	  "source=10.0.0.4", NO, "!does not name www.example.org" },
	{ "for anybody, with a name of DNS (S4)", ANY "name=www.example.org address=10.0.0.4 source=10.0.0.4", NO,
	  "!does not name www.example.org" },
	{ "for anybody, with a name of MEMBERS", ANY, USE, NULL },
	{ "for a name of DNS", "token t.name=n4.example.org name=n4.example.org address=10.0.0.4 source=10.0.0.4 "
	  "dns=etcd5.example.org/10.0.0.5", USE, NULL },
	{ "expired (S10)", FORMING "t.expired", NO, "!has expired" },
	{ "expired, for a name that would be looked up (S10)", "token t.expired name=n4 address=x.example.org", NO,
	  "!has expired" },
	{ "used up by another", FORMING "t.uses=1 t.used=n2/K1 " N3, NO, "!used up" },
	{ "used up by two", FORMING "t.used=n2/K1 t.used=n5/K5 " N3, NO, "!used up" },
	{ "replayed by a rogue: same name, another key", FORMING "t.used=n2/K1 key=K3 " REC, NO, "!with this token already" },
	{ "replayed by a rogue, used up", FORMING "t.uses=1 t.used=n2/K1 key=K3", NO, "!already" },
	{ "replayed with the key of the first use", FORMING "t.uses=1 t.used=n2/K1 source=10.0.0.9", NO, "asks from" },
	{ "an older token than the one that the name was used with", N2_BOUND "t.made=9d rec=n2/10.0.0.2/K2/8d/1d/0", NO,
	  "!after this token was made" },
	{ "made in the same second", N2_BOUND "t.made=8d rec=n2/10.0.0.2/K2/8d/1d/0", NO, "!after this token was made" },
	{ "a token for anybody, and the name has another key (rule 3)", ANY "rec=n2/10.0.0.2/K2/9d/1d/0", NO,
	  "!does not name it" },
	{ "a token for an address, and the name has another key", "token t.address=10.0.0.2 rec=n2/10.0.0.2/K2/9d/1d/0", NO,
	  "!does not name it" },
	{ "the forming token, and the name has another key", FORMING "rec=n2/10.0.0.2/K2/9d/1d/0", NO, "!does not name it" },

	/* --- Joins and rebuilt machines. */
	{ "a new name", ANY N4 ALL "dns=etcd5.example.org/10.0.0.5", USE, NULL },
	{ "a new name that a token names", N4_BOUND ALL, USE, NULL },
	{ "a new name while nobody can be asked", ANY N4 "formed dns=etcd5.example.org/10.0.0.5", WAIT,
	  "cannot ask a quorum" },
	{ "behind NAT, as its token says (rule 4)", N4_BOUND ALL "t.from=192.0.2.1 source=192.0.2.1", USE, NULL },
	{ "behind another NAT", N4_BOUND ALL "t.from=192.0.2.1 source=192.0.2.9", NO, "asks from 192.0.2.9" },
	{ "at its address, though the token names a NAT", N4_BOUND ALL "t.from=192.0.2.1", USE, NULL },
	{ "a new name that a token names, likewise (rule 8)", N4_BOUND "formed", WAIT, "token new --recovery" },
	{ "the same, and a person confirms it (rule 8)", N4_BOUND "t.recovery formed", USE, NULL },
	{ "rebuilt, the old one is dead", N2_BOUND REC_K2 N2_DEAD, USE, NULL },
	{ "rebuilt, with a token for its name alone", FOR_N2 REC_K2 N2_DEAD, USE, NULL },
	{ "rebuilt, the old one was removed", N2_BOUND "dead=n2/K2/1d " N2_GONE, USE, NULL },
	{ "rebuilt, and not in the list yet", N2_BOUND "rec=n2/10.0.0.2/K2/1d/1d/0 " N2_GONE, USE, NULL },
	{ "rebuilt before there was a cluster", N2_BOUND REC_K2, USE, NULL },
	{ "rebuilt at another address than its token says", "token t.name=n4 t.address=10.0.0.4 name=n4 address=10.0.0.9 "
	  "source=10.0.0.9", NO, "!for the address 10.0.0.4" },
	{ "rebuilt, not in MEMBERS, at the address on record", "token t.name=n4 name=n4 address=n4.example.org "
	  "source=10.0.0.4 dns=n4.example.org/10.0.0.4 rec=n4/n4.example.org/K4/9d/1d/0/10.0.0.4", USE, NULL },
	{ "a rogue with a good token as a live member", N2_BOUND REC_K2 ALL, NO, "and it answers" },
	{ "likewise, one that is on no record", FOR_N2 ALL, NO, "and it answers" },
	{ "likewise, with the forming token", FORMING ALL, NO, "and it answers" },
	{ "rebuilt while nobody can be asked", N2_BOUND REC_K2 "formed", WAIT, "cannot ask a quorum" },
	{ "the same, and a person confirms it", N2_BOUND "t.recovery " REC_K2 "formed", USE, NULL },
	{ "the same key with another token", N2_BOUND REC ALL, USE, NULL },
	{ "the same key with a token for anybody", ANY REC ALL, USE, NULL },
	{ "the same key without a quorum, soon (rule 8)", ANY REC "formed", USE, NULL },
	{ "the same key without a quorum, late (rule 8)", ANY REC_OLD "formed", WAIT, "cannot ask a quorum" },
	{ "the same key at another address, by MEMBERS", ANY "rec=n2/10.0.0.22/K1/9d/1d/a2 " N2_DEAD, USE, NULL },

	/* --- ADDRESSES. */
	{ "further addresses by a token", N4_BOUND "t.addresses=192.0.2.4,fd00::4 addresses=fd00:0::4,192.0.2.4 " ALL, USE,
	  NULL },
	{ "further addresses of one of MEMBERS", N2_BOUND "t.addresses=192.0.2.2 addresses=192.0.2.2 " REC N2_DEAD, USE,
	  NULL },
	{ "further addresses that no token gave", N4_BOUND "addresses=192.0.2.4 " ALL, NO, "!no token has given n4" },
	{ "the source is no word for them", N4_BOUND "t.from=192.0.2.4 source=192.0.2.4 addresses=192.0.2.4 " ALL, NO,
	  "!--addresses 192.0.2.4" },
	{ "with the forming token", FORMING "addresses=192.0.2.2", NO, "!no token has given n2" },
	{ "a token for anybody", ANY "t.addresses=192.0.2.4 " N4 "addresses=192.0.2.4 " ALL, NO, "!no token has given n4" },
	{ "the address of the CA host", N4_BOUND "t.addresses=10.0.0.1 addresses=10.0.0.1", NO, "!the CA host itself" },
	{ "the address of one of MEMBERS in another form", N4_BOUND "t.addresses=fd00:0::3 addresses=fd00:0::3", NO,
	  "!by MEMBERS on the CA host it belongs to n3" },
	{ "what a name of MEMBERS stands for", N4_BOUND "t.addresses=10.0.0.5 addresses=10.0.0.5 "
	  "dns=etcd5.example.org/10.0.0.5 " ALL, NO, "it belongs to n5" },
	{ "a shared address", N4_BOUND "t.addresses=10.0.0.100 addresses=10.0.0.100 " ALL, NO, "!no token has given n4" },
	{ "rebuilt, with those of the former one", "token t.name=n2 addresses=192.0.2.2 " REC_K2 "more=192.0.2.2 " N2_DEAD,
	  USE, NULL },
	{ "another machine at a further address on record", ANY "name=n4 address=192.0.2.2 source=192.0.2.2 " REC_K2
	  "more=192.0.2.2 " ALL, NO, "!has 192.0.2.2" },
	{ "a name that is a further address on record", FOR_N4 N4 "t.sans=192.0.2.2 sans=192.0.2.2 " REC_K2 "more=192.0.2.2",
	  NO, "!has 192.0.2.2" },

	/* --- Removed machines. */
	{ "a token from before the removal", N2_BOUND "dead=n2/K2/60 " N2_GONE, NO, "!was removed on" },
	{ "a token of the second of the removal", N2_BOUND "t.made=60 dead=n2/K2/60 " N2_GONE, NO, "!was removed on" },
	{ "a later token", N2_BOUND "t.made=59 dead=n2/K2/60 " N2_GONE, USE, NULL },
	{ "a later token for anybody", ANY "t.made=59 dead=n2/K2/60 " N2_GONE, NO, "!does not name it" },
	{ "a later token, and the key of the removed machine (S2)", N2_BOUND "t.made=59 dead=n2/K1/60 " N2_GONE, NO,
	  "!was removed on" },
	{ "the key of a removed machine under another name (S2)", N4_BOUND "dead=n2/K1/60 " ALL, NO, "!n2 was removed on" },
	{ "a removed machine without a quorum", N2_BOUND "dead=n2/K2/1d formed", WAIT, "cannot ask a quorum" },
	{ "the forming token, of a name that was removed", FORMING "dead=n2/K2/1d", NO, "!does not name it" },
	{ "removed while the CA host was off: it is learned first", N2_BOUND "t.made=2d " REC_K2 N2_GONE, NO,
	  "was removed on" },
	{ "one that got a new key and whose list has the old member", N2_BOUND "rec=n2/10.0.0.2/K1/60/60/0 not=a2 " N2_DEAD,
	  USE, NULL },
};
/* clang-format on */
