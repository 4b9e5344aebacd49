/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * core/enroll_rules: who gets certificates. Each line of the table is a machine at the door, honest or not; what a line does not say is as with
 * n2 of MEMBERS, which enrols for the first time. And core/enroll_record.
 */
#include "unit.h"

#include <sys/stat.h>

#include "base/text.h"
#include "core/enroll_rules.h"
#include "core/pki_profile.h"

#define NOW 1795000000
#define K1  "1111111111111111111111111111111111111111111111111111111111111111"
#define K2  "2222222222222222222222222222222222222222222222222222222222222222"
#define K3  "3333333333333333333333333333333333333333333333333333333333333333"

enum way {
	FORMING,   /* the token for those of MEMBERS */
	TOKEN,	   /* one without limits */
	FOR_N4,	   /* one for n4 */
	FOR_N4_AT, /* one for n4=10.0.0.4 with the SAN lb.example.org */
	EXPIRED,
	USED_UP,   /* by n2 with K1 */
	USED_HALF, /* likewise, and one use left */
	CERT,	   /* a peer certificate for n2=10.0.0.2, made a month ago for K1 */
	CERT_N4,   /* for n4=10.0.0.4 */
};

enum past {
	NOTHING,
	SAME,	   /* K1 enrolled a day ago with the token 7… */
	OTHER,	   /* K2 did */
	OTHER_NOW, /* K2 did, with the token that is shown now */
	LATER,	   /* K2 did, an hour after the token was made */
	REKEYED,   /* K2 is on record, K1 was shown for it */
	LONG_AGO,  /* K1 did, a month ago */
	YEAR_AGO,  /* K2 did, a year ago */
};

static const struct line {
	const char *what;
	enum way way;
	const char *name, *address, *sans, *key, *source, *resolved, *others;
	const char *members, *cluster_token, *ports;
	long long clock; /* how much its clock is ahead */
	enum past past;
	bool formed;
	enum enroll_view view;
	int want; /* 1 and 0 as enroll_rules, else an enum err_class, negative */
	const char *text;
} table[] = {
	/* Forming. */
	{ .what = "one of MEMBERS", .want = 1 },
	{ .what = "another one of MEMBERS", .name = "n3", .address = "fd00::3", .source = "fd00::3", .want = 1 },
	{ .what = "the same address written otherwise",
	  .name = "n3",
	  .address = "fd00:0:0::3",
	  .source = "fd00::3",
	  .want = 1 },
	{ .what = "over IPv6 in IPv4 form", .source = "::ffff:10.0.0.2", .want = 1 },
	{ .what = "with the cluster it is to form",
	  .members = "n1=10.0.0.1,n2=10.0.0.2,n3=fd00::3,n5=etcd5.example.org",
	  .cluster_token = "etcd-cluster",
	  .ports = "2379,2380",
	  .want = 1 },
	{ .what = "the answer got lost, first token use", .way = USED_HALF, .past = SAME, .want = 0 },
	{ .what = "the answer got lost, token used up", .way = USED_UP, .past = SAME, .want = 0 },
	{ .what = "killed before the record was written", .way = USED_UP, .want = 0 },
	{ .what = "late, the others run already", .formed = true, .view = ENROLL_MEMBER, .want = 1 },
	{ .what = "late, and no quorum without it", .formed = true, .view = ENROLL_UNKNOWN, .want = 1 },
	{ .what = "with a SAN that all have", .sans = "etcd.example.org", .want = 1 },
	{ .what = "with a SAN in other letters", .sans = "ETCD.Example.Org", .want = 1 },
	{ .what = "with its own name and address as SANs", .sans = "n2 10.0.0.2", .want = 1 },
	{ .what = "29 minutes ahead", .clock = 29 * 60, .want = 1 },
	{ .what = "29 minutes behind", .clock = -29 * 60, .want = 1 },
	{ .what = "from an address that a SAN stands for",
	  .sans = "etcd.example.org",
	  .source = "192.0.2.9",
	  .resolved = "10.0.0.2 192.0.2.9",
	  .want = 1 },
	{ .what = "31 minutes ahead",
	  .clock = 31 * 60,
	  .want = -ERR_PENDING,
	  .text = "the clock of this machine says" },
	{ .what = "31 minutes behind",
	  .clock = -31 * 60,
	  .want = -ERR_PENDING,
	  .text = "and that of the CA host 2026-" },
	{ .what = "no battery", .clock = -NOW, .want = -ERR_PENDING, .text = "1970-01-01" },
	{ .what = "a clock beyond reason", .clock = INT64_MAX - NOW, .want = -ERR_PENDING, .text = "the clock" },
	{ .what = "other MEMBERS",
	  .members = "n1=10.0.0.1,n2=10.0.0.2",
	  .want = -ERR_VERIFY,
	  .text = "MEMBERS is n1=10.0.0.1,n2=10.0.0.2 on this machine and "
		  "n1=10.0.0.1,n2=10.0.0.2,n3=fd00::3,n5=etcd5.example.org" },
	{ .what = "the same MEMBERS in another order",
	  .members = "n2=10.0.0.2,n1=10.0.0.1,n3=fd00::3,n5=etcd5.example.org",
	  .want = -ERR_VERIFY,
	  .text = "MEMBERS is" },
	{ .what = "other CLUSTER_TOKEN",
	  .cluster_token = "blue",
	  .want = -ERR_VERIFY,
	  .text = "CLUSTER_TOKEN is blue" },
	{ .what = "other ports", .ports = "2379,7001", .want = -ERR_VERIFY, .text = "2379,7001 on this machine" },

	/* Names and addresses that are somebody else's. */
	{ .what = "a rogue as n3", .name = "n3", .want = -ERR_VERIFY, .text = "not what MEMBERS" },
	{ .what = "a rogue at n3's address", .address = "fd00::3", .want = -ERR_VERIFY, .text = "MEMBERS" },
	{ .what = "a rogue with all of n3's but not its network",
	  .name = "n3",
	  .address = "fd00::3",
	  .want = -ERR_VERIFY,
	  .text = "asks from 10.0.0.2" },
	{ .what = "a rogue as the CA host", .name = "n1", .want = -ERR_VERIFY, .text = "CA host itself" },
	{ .what = "a rogue as the CA host altogether",
	  .name = "n1",
	  .address = "10.0.0.1",
	  .source = "10.0.0.1",
	  .want = -ERR_VERIFY,
	  .text = "CA host itself" },
	{ .what = "a rogue at the CA host's address",
	  .way = TOKEN,
	  .name = "n9",
	  .address = "10.0.0.1",
	  .want = -ERR_VERIFY,
	  .text = "CA host itself" },
	{ .what = "a name that is an address of MEMBERS",
	  .way = TOKEN,
	  .name = "etcd5.example.org",
	  .address = "10.0.0.9",
	  .source = "10.0.0.9",
	  .want = -ERR_VERIFY,
	  .text = "not what MEMBERS" },
	{ .what = "a name that is the address of a member that MEMBERS does not have",
	  .way = TOKEN,
	  .name = "etcd4.example.org",
	  .address = "10.0.0.9",
	  .source = "10.0.0.9",
	  .others = "n4 etcd4.example.org",
	  .want = -ERR_VERIFY,
	  .text = "is the address of another member" },
	{ .what = "an address that is a name of MEMBERS",
	  .way = TOKEN,
	  .name = "n9",
	  .address = "n3",
	  .resolved = "10.0.0.2",
	  .want = -ERR_VERIFY,
	  .text = "MEMBERS" },
	{ .what = "the address of a member that is not in MEMBERS",
	  .way = TOKEN,
	  .name = "n9",
	  .address = "10.0.0.5",
	  .source = "10.0.0.5",
	  .others = "n5 10.0.0.5",
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = -ERR_VERIFY,
	  .text = "another member of the cluster has the address" },
	{ .what = "not in MEMBERS, forming token",
	  .name = "n4",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .want = -ERR_VERIFY,
	  .text = "MEMBERS of the CA host" },
	{ .what = "localhost", .way = TOKEN, .name = "localhost", .want = -ERR_VERIFY, .text = "no machine can be" },
	{ .what = "the name on the peer port",
	  .way = TOKEN,
	  .name = PKI_PEER_CN,
	  .want = -ERR_VERIFY,
	  .text = "NAME=" },
	{ .what = "a name with a slash", .way = TOKEN, .name = "../../x", .want = -ERR_VERIFY, .text = "the name" },
	{ .what = "a name with a new line",
	  .way = TOKEN,
	  .name = "n4\nNAME=n1",
	  .want = -ERR_VERIFY,
	  .text = "the name" },
	{ .what = "no name", .way = TOKEN, .name = "", .want = -ERR_VERIFY, .text = "the name asked for is empty" },
	{ .what = "an address as a name", .way = TOKEN, .name = "10.0.0.1", .want = -ERR_VERIFY, .text = "the name" },
	{ .what = "upper case", .way = TOKEN, .name = "N1", .want = -ERR_VERIFY, .text = "upper-case" },
	{ .what = "the address of all",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "0.0.0.0",
	  .want = -ERR_VERIFY,
	  .text = "nobody can dial" },
	{ .what = "two addresses in one",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "10.0.0.4,10.0.0.1",
	  .want = -ERR_VERIFY,
	  .text = "the address" },
	{ .what = "no peer key", .key = "", .want = -ERR_VERIFY, .text = "peer port" },

	/* Where it comes from. */
	{ .what = "from elsewhere", .source = "10.0.0.77", .want = -ERR_VERIFY, .text = "10.0.0.77, which is not" },
	{ .what = "by a proxy on the CA host", .source = "127.0.0.1", .want = -ERR_VERIFY, .text = "127.0.0.1" },
	{ .what = "by a proxy, with loopback among its SANs",
	  .source = "127.0.0.1",
	  .sans = "etcd.example.org",
	  .resolved = "10.0.0.2 127.0.0.1",
	  .want = -ERR_VERIFY,
	  .text = "127.0.0.1" },
	{ .what = "a DNS name that is where it comes from",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "n4.example.org",
	  .source = "10.0.0.4",
	  .resolved = "fd00::4 10.0.0.4",
	  .want = 1 },
	{ .what = "a DNS name that is elsewhere",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "n4.example.org",
	  .source = "10.0.0.6",
	  .resolved = "10.0.0.4",
	  .want = -ERR_VERIFY,
	  .text = "n4.example.org" },
	{ .what = "a DNS name that nobody can resolve",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "n4.example.org",
	  .source = "10.0.0.4",
	  .resolved = "",
	  .want = -ERR_VERIFY,
	  .text = "ADDRESS=" },
	{ .what = "all on one machine",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "127.0.0.4",
	  .source = "127.0.0.1",
	  .want = 1 },
	{ .what = "a loopback address from the network",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "127.0.0.4",
	  .source = "10.0.0.4",
	  .resolved = "10.0.0.4",
	  .want = -ERR_VERIFY,
	  .text = "10.0.0.4" },

	/* Further names. */
	{ .what = "a SAN of its own choice", .sans = "bank.example.org", .want = -ERR_VERIFY, .text = "EXTRA_SANS" },
	{ .what = "a SAN hidden behind a good one",
	  .sans = "etcd.example.org 10.0.0.1",
	  .want = -ERR_VERIFY,
	  .text = "10.0.0.1 is not among" },
	{ .what = "a wildcard that nobody wrote down",
	  .sans = "*.example.org",
	  .want = -ERR_VERIFY,
	  .text = "EXTRA_SANS" },
	{ .what = "a SAN that is none", .sans = "*.*", .want = -ERR_VERIFY, .text = "further name" },
	{ .what = "a SAN of the token",
	  .way = FOR_N4_AT,
	  .name = "n4",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .sans = "lb.example.org",
	  .want = 1 },

	/* Tokens. */
	{ .what = "for its name", .way = FOR_N4, .name = "n4", .address = "10.0.0.4", .source = "10.0.0.4", .want = 1 },
	{ .what = "for another name", .way = FOR_N4, .want = -ERR_VERIFY, .text = "for a machine called n4" },
	{ .what = "for another address",
	  .way = FOR_N4_AT,
	  .name = "n4",
	  .address = "10.0.0.5",
	  .source = "10.0.0.5",
	  .want = -ERR_VERIFY,
	  .text = "for the address 10.0.0.4" },
	{ .what = "for one that takes a dead member's address, by a person's word",
	  .way = FOR_N4_AT,
	  .name = "n4",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .others = "n5 10.0.0.4",
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = 1 },
	{ .what = "expired", .way = EXPIRED, .want = -ERR_VERIFY, .text = "has expired" },
	{ .what = "used up by another",
	  .way = USED_UP,
	  .name = "n3",
	  .address = "fd00::3",
	  .source = "fd00::3",
	  .want = -ERR_VERIFY,
	  .text = "used up" },
	{ .what = "replayed by a rogue: same name, another key",
	  .way = USED_HALF,
	  .key = K3,
	  .past = SAME,
	  .want = -ERR_VERIFY,
	  .text = "with this token already" },
	{ .what = "replayed by a rogue, used up", .way = USED_UP, .key = K3, .want = -ERR_VERIFY, .text = "already" },
	{ .what = "replayed, and the token forgot but the record did not",
	  .past = OTHER_NOW,
	  .want = -ERR_VERIFY,
	  .text = "with this token already" },
	{ .what = "an older token than the one that the name was given for",
	  .past = LATER,
	  .want = -ERR_VERIFY,
	  .text = "after this token was made" },

	/* Growing, and machines that were built anew. */
	{ .what = "a new name",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = 1 },
	{ .what = "a new name while nobody can be asked",
	  .way = TOKEN,
	  .name = "n4",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .formed = true,
	  .want = -ERR_PENDING,
	  .text = "cannot ask a quorum" },
	{ .what = "built anew, the old one is dead", .past = OTHER, .formed = true, .view = ENROLL_MEMBER, .want = 1 },
	{ .what = "built anew, the old one was removed",
	  .past = OTHER,
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = 1 },
	{ .what = "built anew before there was a cluster", .past = OTHER, .want = 1 },
	{ .what = "a rogue with a good token as a live member",
	  .past = OTHER,
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "and it answers" },
	{ .what = "likewise, one that is on no record",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "and it answers" },
	{ .what = "built anew while nobody can be asked",
	  .past = OTHER,
	  .formed = true,
	  .want = -ERR_PENDING,
	  .text = "cannot ask a quorum" },
	{ .what = "the same key with another token", .past = SAME, .formed = true, .view = ENROLL_ALIVE, .want = 1 },

	/* With a certificate. */
	{ .what = "a renewal", .way = CERT, .past = LONG_AGO, .formed = true, .view = ENROLL_ALIVE, .want = 0 },
	{ .what = "a renewal while there is no quorum", .way = CERT, .past = LONG_AGO, .formed = true, .want = 0 },
	{ .what = "a renewal while the cluster is being formed", .way = CERT, .past = SAME, .want = 0 },
	{ .what = "before there is a cluster that could have it as a member",
	  .way = CERT,
	  .past = LONG_AGO,
	  .view = ENROLL_STRANGER,
	  .want = 0 },
	{ .what = "of a bundle: on no record", .way = CERT, .formed = true, .view = ENROLL_MEMBER, .want = 0 },
	{ .what = "with MEMBERS that were edited since",
	  .way = CERT,
	  .past = LONG_AGO,
	  .members = "n1=10.0.0.1,n2=10.0.0.2",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = 0 },
	{ .what = "a new key",
	  .way = CERT,
	  .key = K3,
	  .past = LONG_AGO,
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = 0 },
	{ .what = "a new key again: the answer got lost",
	  .way = CERT,
	  .key = K3,
	  .past = REKEYED,
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = 0 },
	{ .what = "a certificate from before the machine was built anew",
	  .way = CERT,
	  .past = OTHER,
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "older than the one" },
	{ .what = "one that another CA host has rekeyed since",
	  .way = CERT,
	  .past = YEAR_AGO,
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = 0 },
	{ .what = "a member as another member",
	  .way = CERT,
	  .name = "n3",
	  .address = "fd00::3",
	  .source = "fd00::3",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "not for the name n3" },
	{ .what = "a member as localhost", .way = CERT, .name = "localhost", .want = -ERR_VERIFY, .text = "localhost" },
	{ .what = "a member as a new name",
	  .way = CERT_N4,
	  .name = "vault",
	  .address = "10.0.0.4",
	  .source = "10.0.0.4",
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = -ERR_VERIFY,
	  .text = "token new --name vault" },
	{ .what = "a member under the name that MEMBERS has for its address now",
	  .way = CERT_N4,
	  .name = "n2",
	  .address = "10.0.0.2",
	  .want = -ERR_VERIFY,
	  .text = "not for the name" },
	{ .what = "a member that wants one more SAN",
	  .way = CERT,
	  .sans = "bank.example.org",
	  .past = LONG_AGO,
	  .want = -ERR_VERIFY,
	  .text = "EXTRA_SANS" },
	{ .what = "a member with a SAN that it has",
	  .way = CERT,
	  .sans = "old.example.org",
	  .past = LONG_AGO,
	  .want = 0 },
	{ .what = "a member that moved",
	  .way = CERT_N4,
	  .name = "n4",
	  .address = "10.0.0.40",
	  .source = "10.0.0.40",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = 0 },
	{ .what = "a member that moved, and MEMBERS does not know",
	  .way = CERT,
	  .address = "10.0.0.40",
	  .source = "10.0.0.40",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "MEMBERS there" },
	{ .what = "a member that claims to have moved onto another",
	  .way = CERT_N4,
	  .name = "n4",
	  .address = "10.0.0.5",
	  .source = "10.0.0.5",
	  .others = "n5 10.0.0.5",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "another member" },
	{ .what = "a stolen certificate, from elsewhere",
	  .way = CERT,
	  .source = "10.9.9.9",
	  .formed = true,
	  .view = ENROLL_ALIVE,
	  .want = -ERR_VERIFY,
	  .text = "10.9.9.9" },
	{ .what = "one that was removed",
	  .way = CERT,
	  .past = LONG_AGO,
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = -ERR_VERIFY,
	  .text = "not a member of the cluster any more" },
	{ .what = "one that was removed and is on no record",
	  .way = CERT,
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = -ERR_VERIFY,
	  .text = "any more" },
	{ .what = "one that enrolled yesterday and waits to be added",
	  .way = CERT,
	  .past = SAME,
	  .formed = true,
	  .view = ENROLL_STRANGER,
	  .want = 0 },
};

/* A line in full: facts, and what they point at. */
struct scene {
	struct config conf;
	struct config_member members[4];
	struct token_entry token;
	struct x509_info cert;
	struct enroll_record record;
	char **sans, **addresses, **others;
};

static void set_token(struct scene *s, enum way way)
{
	s->token = (struct token_entry){ .made = NOW - 600, .expires = NOW + 3600, .uses = 2 };
	memcpy(s->token.token.id, "0123456789abcdef", TOKEN_ID_HEX);
	s->token.members = way == FORMING || way == USED_UP || way == USED_HALF;
	if (way == FOR_N4 || way == FOR_N4_AT)
		s->token.name = xstrdup("n4");
	if (way == FOR_N4_AT) {
		s->token.address = xstrdup("10.0.0.4");
		strv_add(&s->token.sans, "lb.example.org");
	}
	if (way == EXPIRED)
		s->token.expires = NOW;
	if (way == USED_UP || way == USED_HALF) {
		s->token.uses = way == USED_UP ? 1 : 2;
		s->token.used = xcalloc(1, sizeof(*s->token.used));
		s->token.used[s->token.n_used++] = (struct token_use){ xstrdup("n2"), xstrdup(K1), NOW - 60 };
	}
}

static void set_cert(struct scene *s, enum way way)
{
	static const char *const common[] = { "127.0.0.1", "::1", "localhost", "old.example.org" };

	s->cert = (struct x509_info){ .cn = xstrdup(PKI_PEER_CN), .not_before = NOW - 30 * 86400 };
	strv_add(&s->cert.sans, way == CERT ? "10.0.0.2" : "10.0.0.4");
	strv_add(&s->cert.sans, way == CERT ? "n2" : "n4");
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		strv_add(&s->cert.sans, common[i]);
}

static void set_record(struct scene *s, const struct line *l)
{
	bool same = l->past == SAME || l->past == LONG_AGO;

	s->record = (struct enroll_record){ .name = xstrdup(l->name ? l->name : "n2"),
					    .address = xstrdup("10.0.0.2"),
					    .key = xstrdup(same ? K1 : K2),
					    .former = xstrdup(l->past == REKEYED ? K1 : ""),
					    .token = xstrdup(l->past == OTHER_NOW ? "0123456789abcdef"
										  : "7777777777777777"),
					    .serials = xstrdup("peer:01"),
					    .time = l->past == LONG_AGO	  ? NOW - 30 * 86400 + 3600
						    : l->past == YEAR_AGO ? NOW - 365 * 86400
						    : l->past == LATER	  ? NOW - 60
									  : NOW - 86400 };
}

static void set_scene(struct scene *s, const struct line *l)
{
	static const struct config_member members[] = { { (char *)(uintptr_t) "n1", (char *)(uintptr_t) "10.0.0.1" },
							{ (char *)(uintptr_t) "n2", (char *)(uintptr_t) "10.0.0.2" },
							{ (char *)(uintptr_t) "n3", (char *)(uintptr_t) "fd00::3" },
							{ (char *)(uintptr_t) "n5",
							  (char *)(uintptr_t) "etcd5.example.org" } };

	memcpy(s->members, members, sizeof(members));
	s->conf = (struct config){ .role = ROLE_CLUSTER,
				   .name = s->members[0].name,
				   .address = s->members[0].address,
				   .members = s->members,
				   .n_members = 4,
				   .client_port = 2379,
				   .peer_port = 2380,
				   .cluster_token = (char *)(uintptr_t) "etcd-cluster" };
	strv_add(&s->conf.extra_sans, "etcd.example.org");
	set_token(s, l->way);
	set_cert(s, l->way);
	set_record(s, l);
	s->sans = l->sans ? text_split(l->sans, "") : NULL;
	s->addresses = text_split(l->resolved ? l->resolved : l->address ? l->address : "10.0.0.2", "");
	s->others = l->others ? text_split(l->others, "") : NULL;
}

static void scene_free(struct scene *s)
{
	strv_free(s->conf.extra_sans);
	token_entry_free(&s->token);
	x509_info_free(&s->cert);
	enroll_record_free(&s->record);
	strv_free(s->sans);
	strv_free(s->addresses);
	strv_free(s->others);
}

static void decides_line_by_line(void **state)
{
	size_t good = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct line *l = &table[i];
		cleanup(scene_free) struct scene s = { .sans = NULL };
		bool cert = l->way == CERT || l->way == CERT_N4;
		const struct enroll_ask ask = { .name = l->name ? l->name : "n2",
						.address = l->address ? l->address : "10.0.0.2",
						.key = l->key ? l->key : K1,
						.time = (time_t)(NOW + l->clock),
						.members = l->members,
						.cluster_token = l->cluster_token,
						.ports = l->ports };
		struct enroll_ask full = ask;
		struct enroll_facts f = { .conf = &s.conf,
					  .now = NOW,
					  .formed = l->formed,
					  .source = l->source ? l->source : "10.0.0.2",
					  .view = l->view };
		struct err er = { 0 };
		int rc;

		set_scene(&s, l);
		full.sans = s.sans;
		f.token = cert ? NULL : &s.token;
		f.cert = cert ? &s.cert : NULL;
		f.cert_key = cert ? K1 : NULL;
		f.addresses = s.addresses;
		f.others = s.others;
		f.record = l->past == NOTHING ? NULL : &s.record;
		rc = enroll_rules(&full, &f, &er);
		if (rc < 0)
			rc = -(int)er.class;
		if (rc != l->want || (l->text && !strstr(er.msg, l->text) && !strstr(er.hint, l->text)))
			print_error("%s: want %d %s, got %d %s (%s)\n", l->what, l->want, l->text ? l->text : "", rc,
				    er.msg, er.hint);
		else
			good++;
	}
	assert_int_equal(good, ARRAY_LEN(table));
	assert_true(ARRAY_LEN(table) >= 40);
}

static void writes_down_what_both_sides_compare(void **state)
{
	const struct line l = { .what = "" };
	cleanup(scene_free) struct scene s = { .sans = NULL };
	auto_free char *members = NULL, *none = NULL, *ports = NULL;

	(void)state;
	set_scene(&s, &l);
	members = enroll_members_text(&s.conf);
	assert_string_equal(members, "n1=10.0.0.1,n2=10.0.0.2,n3=fd00::3,n5=etcd5.example.org");
	ports = enroll_ports_text(&s.conf);
	assert_string_equal(ports, "2379,2380");
	s.conf.n_members = 0;
	none = enroll_members_text(&s.conf);
	assert_string_equal(none, "");
}

/* --- The record. */

static void records_come_back(void **state)
{
	const struct enroll_record r = { .name = (char *)(uintptr_t) "n2",
					 .address = (char *)(uintptr_t) "fd00::2",
					 .key = (char *)(uintptr_t)K1,
					 .former = (char *)(uintptr_t)K2,
					 .token = (char *)(uintptr_t) "",
					 .serials = (char *)(uintptr_t) "peer:01 server:02",
					 .time = NOW };
	auto_record struct enroll_record got = { .name = NULL };
	auto_free char *root = unit_dir(), *path = NULL;
	auto_strv char **names = NULL;
	struct machine m = { .now = NOW };
	struct err er = { 0 };
	struct stat st;

	(void)state;
	layout_init(&m.at, root, NULL);
	path = xasprintf("%s/members/n2", m.at.enroll);
	assert_null(enroll_record_names(&m));
	assert_int_equal(enroll_record_read(&m, "n2", &got, &er), 0);
	assert_ok(enroll_record_write(&m, &r, e));
	assert_int_equal(enroll_record_read(&m, "n2", &got, &er), 1);
	assert_string_equal(got.name, r.name);
	assert_string_equal(got.address, r.address);
	assert_string_equal(got.key, r.key);
	assert_string_equal(got.former, r.former);
	assert_string_equal(got.token, "");
	assert_string_equal(got.serials, r.serials);
	assert_int_equal(got.time, NOW);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	names = enroll_record_names(&m);
	assert_int_equal(strv_len(names), 1);
	enroll_record_free(&got);
	/* One that says it is another's, or nothing. */
	assert_ok(file_replace(path, FILE_MODE(0600), "NAME=n3\nKEY=1\nTIME=1\n", 21, e));
	assert_err(enroll_record_read(&m, "n2", &got, e), ERR_CONFIG, "not as it was written");
	assert_int_equal(enroll_record_drop(&m, "n2", &er), 1);
	assert_int_equal(enroll_record_drop(&m, "n2", &er), 0);
	assert_int_equal(enroll_record_drop(&m, "../tokens/x", &er), 0);
	assert_ok(file_remove_tree(root, e));
	layout_free(&m.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_line_by_line),
		cmocka_unit_test(writes_down_what_both_sides_compare),
		cmocka_unit_test(records_come_back),
	};

	return cmocka_run_group_tests_name("enroll_rules", tests, NULL, NULL);
}
