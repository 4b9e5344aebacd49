/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests for client certificates, one on each line, in the words of enroll_scene.h; and of machines that show the
 * token or certificate of a client.
 */
#pragma once

#include "enroll_table.h"

#define CLIENT	   "client name=backup source=192.0.2.7 "
#define C_TOKEN	   CLIENT "token t.client t.uses=1 t.name=backup "
#define C_CERT	   CLIENT "cert c.cn=backup "
#define C_REC	   "crec=backup/K1/30d/1d "
#define C_REC_K2   "crec=backup/K2/30d/1d "
#define C_REVOKED  "cdead=backup/K1,K9/9d "
#define CALLED(cn) "client source=192.0.2.7 token t.client t.uses=1 name=" cn " t.name=" cn " "

/* clang-format off */
static const struct row client_rows[] = {
	/* --- With a token. */
	{ "a first certificate", C_TOKEN, USE, NULL },
	{ "with a quorum", C_TOKEN ALL, USE, NULL },
	{ "from anywhere", C_TOKEN ALL "source=2001:db8::9", USE, NULL },
	{ "from the address of a member", C_TOKEN ALL "source=10.0.0.2", USE, NULL },
	{ "while the cluster is formed", C_TOKEN "gathers", USE, NULL },
	{ "formed, and nobody can say whether this is the CA host", C_TOKEN "formed", WAIT, "cannot ask a quorum" },
	{ "a CN with every character", CALLED("A.b_c@d:e-9"), USE, NULL },
	{ "the answer got lost", C_TOKEN "t.used=backup/K1", GO, NULL },
	{ "the answer got lost, the record is written", C_TOKEN "t.used=backup/K1 " C_REC ALL, GO, NULL },
	{ "used with another key", C_TOKEN "t.used=backup/K2", NO, "!with this token already, and with another key" },
	{ "used for another CN", C_TOKEN "t.used=other/K1", NO, "!used up" },
	{ "expired", C_TOKEN "t.expired", NO, "!has expired" },
	{ "expired, the answer got lost", C_TOKEN "t.expired t.used=backup/K1", NO, "!has expired" },
	{ "for another CN", C_TOKEN "t.name=other", NO, "!for a client called other, not backup" },
	{ "for the CN in other letters", C_TOKEN "t.name=Backup", NO, "!for a client called Backup" },
	{ "with a token for anybody", CLIENT "token", NO, "!for a machine, not for a client" },
	{ "with the token of a cluster", CLIENT "token t.members", NO, "!for a machine" },
	{ "with the token of a machine of this name", CLIENT "token t.name=backup", NO, "!for a machine" },
	{ "with the token of a recovery", CLIENT "token t.name=backup t.address=10.0.0.9 t.recovery", NO, "!for a machine" },
	{ "29 minutes ahead", C_TOKEN "clock=1740", USE, NULL },
	{ "31 minutes ahead", C_TOKEN "clock=1860", WAIT, "!the clock of this machine says" },
	{ "no battery", C_TOKEN "clock=-1800000000", WAIT, "!1970-01-01" },
	{ "the present key with another token", C_TOKEN C_REC ALL, USE, NULL },
	{ "a new key, with a later token", C_TOKEN C_REC_K2 ALL, USE, NULL },
	{ "a new key, with the token of the present one", C_TOKEN "crec=backup/K2/30/30 t.made=40", NO,
	  "!after this token was made, and with another key" },
	{ "a new key, with a token of the same second", C_TOKEN "crec=backup/K2/600/600 t.made=600", NO, "!after this token" },
	{ "revoked, a new key, with a later token", C_TOKEN "cdead=backup/K2/9d " ALL, USE, NULL },
	{ "revoked, a new key, with an earlier token", C_TOKEN "cdead=backup/K2/60", NO, "!was revoked on" },
	{ "revoked, with a token of the same second", C_TOKEN "cdead=backup/K2/600", NO, "!was revoked on" },
	{ "the revoked key, with a later token", C_TOKEN C_REVOKED, NO, "!refuses its key for good" },
	{ "another revoked key, with a later token", C_TOKEN C_REVOKED "key=K9", NO, "!refuses its key for good" },
	{ "the key of another client that was revoked", C_TOKEN "cdead=other/K1/9d", NO, "!refuses its key for good" },
	{ "a replaced key, with a later token", C_TOKEN C_REC_K2 C_REVOKED, NO, "!a newer key has replaced" },
	{ "another client is revoked", C_TOKEN "cdead=other/K2/60 " ALL, USE, NULL },
	{ "this one is a standby", C_TOKEN "standby=n3/10.0.0.3:2382", WAIT, "!n1 is a standby, and n3" },
	{ "another one has taken over", C_TOKEN ALL "other=n3/10.0.0.3:2382", WAIT, "n1 is a standby" },
	{ "a takeover by a person's word", C_TOKEN "claimed", USE, NULL },

	/* --- Names that no client has. */
	{ "the CN of peers", CALLED("etcd-peer"), NO, "!that certificates of machines have" },
	{ "the CN of peers in other letters", CALLED("ETCD-Peer"), NO, "!that certificates of machines have" },
	{ "root", CALLED("root"), NO, "!that certificates of machines have" },
	{ "the health check", CALLED("kube-etcd-healthcheck-client"), NO, "!that certificates of machines have" },
	{ "the API server", CALLED("kube-apiserver-etcd-client"), NO, "!that certificates of machines have" },
	{ "localhost", CALLED("localhost"), NO, "!the CA host" },
	{ "this host", CALLED("n1"), NO, "!the CA host" },
	{ "this host in other letters", CALLED("N1"), NO, "!the CA host" },
	{ "this host's address", CALLED("10.0.0.1"), NO, "!the CA host" },
	{ "one of MEMBERS", CALLED("n2"), NO, "!one of MEMBERS" },
	{ "one of MEMBERS with a final dot", CALLED("n2."), NO, "!one of MEMBERS" },
	{ "the address of one of MEMBERS", CALLED("etcd5.example.org"), NO, "!one of MEMBERS" },
	{ "a machine on record", CALLED("n4") "rec=n4/10.0.0.4/K4/30d/1d/a4", NO, "!is a machine" },
	{ "the address of a machine on record", CALLED("10.0.0.4") "rec=n4/10.0.0.4/K4/30d/1d/a4", NO, "!is a machine" },
	{ "a further address of it", CALLED("10.0.1.4") "rec=n4/10.0.0.4/K4/30d/1d/a4 more=10.0.1.4", NO, "!is a machine" },
	{ "a machine that was removed", CALLED("n4") "dead=n4/K4/9d", NO, "!machine that was removed" },
	{ "a member that etcd lists", CALLED("n9") ALL "at=n9/10.0.0.9/a9/up", NO, "a member of the cluster is called n9" },
	{ "a path", CALLED("a/b"), NO, "!has not 1 to 64 letters" },
	{ "a leading dash", CALLED("-b"), NO, "!has not 1 to 64 letters" },
	{ "a leading dot", CALLED("..b"), NO, "!has not 1 to 64 letters" },
	{ "65 letters", CALLED("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), NO,
	  "!has not 1 to 64 letters" },

	/* --- Renewals. */
	{ "a renewal", C_CERT C_REC ALL, GO, NULL },
	{ "a renewal of what was confirmed long ago", C_CERT "crec=backup/K1/300d/300d " ALL, GO, NULL },
	{ "without a quorum, for a week", C_CERT C_REC "formed", GO, NULL },
	{ "without a quorum, after a week", C_CERT "crec=backup/K1/30d/8d formed", WAIT, "cannot ask a quorum" },
	{ "before there was a quorum", C_CERT "crec=backup/K1/30d/8d", GO, NULL },
	{ "its name is in etcd's list now, which anybody may have done", C_CERT C_REC ALL "at=backup/10.0.0.9/a9/up", GO,
	  NULL },
	{ "its name is that of a machine now", C_CERT C_REC "rec=backup/10.0.0.9/K4/1d/1d/a9", NO, "!is a machine" },
	{ "a clock that is wrong", C_CERT C_REC "clock=3600", WAIT, "!the clock" },
	{ "revoked", C_CERT C_REVOKED, NO, "!refuses its key for good" },
	{ "revoked, and a former version left the record", C_CERT C_REC C_REVOKED, NO, "!a newer key" },
	{ "with a key that was replaced", C_CERT C_REC_K2 "cdead=backup/K1/30d", NO, "!a newer key has replaced" },
	{ "with a key that never was on record", C_CERT C_REC_K2, NO, "!not the one that backup has had" },
	{ "no record: it was issued by hand", C_CERT, NO, "!no token has given backup" },
	{ "for another CN", C_CERT C_REC "name=other", NO, "!is that of backup, not of other" },
	{ "for another client", C_CERT C_REC "crec=other/K2/30d/1d name=other", NO, "!is that of backup" },
	{ "for another key", C_CERT C_REC "key=K2", NO, "!a new key of backup needs a token" },
	{ "with the certificate of a member", CLIENT "cert " REC, NO, "!is that of etcd-peer, not of backup" },
	{ "a standby", C_CERT C_REC "standby", WAIT, "!is a standby" },

	/* --- A machine with what is a client's, and with the name of one. */
	{ "the token of a client for a machine", "token t.client t.uses=1 t.name=n2", NO, "!for a client called n2" },
	{ "the same with its name", "token t.client t.name=backup name=backup address=10.0.0.9 source=10.0.0.9", NO,
	  "!for a client called backup" },
	{ "the certificate of a client for a machine", "cert c.cn=backup " REC C_REC, NO, "!is not one of a member" },
	{ "the same, for the revocation list", "cert c.cn=backup list " REC C_REC, NO, "!is not one of a member" },
	{ "a new machine with the name of a client", "token name=backup address=10.0.0.9 source=10.0.0.9 crec=backup/K2/9d/9d",
	  NO, "!a client with a certificate of this CA is called backup" },
	{ "a machine that a client has no part in", C_REC "token t.members", USE, NULL },
};
/* clang-format on */
