/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/client_cert.h"

#include <string.h>
#include <sys/stat.h>

#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "enroll/exchange.h"
#include "enroll/message.h"
#include "pki/check.h"

struct run {
	const struct machine *m;
	const struct client_want *want;
	struct proof proof; /* with the paths of the three files */
	char *next;	    /* path of the key that is asked for with a token, until all is done */
	struct pki_pair pair;
	struct file_mode key_mode;
	x509_key *key; /* that is asked for, when it is another one */
	struct pki_made made;
};

#define auto_run cleanup(run_free)

static void run_free(struct run *r)
{
	proof_free(&r->proof);
	free(r->next);
	pki_pair_free(&r->pair);
	x509_key_free_ptr(&r->key);
	pki_made_free(&r->made);
}

/* --- The files. */

/* The owner may be the user of the program, and a group may read it, too. */
static int load_key(struct run *r, struct err *e)
{
	struct stat st;

	if (stat(r->proof.key, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, ERR_FAIL, "cannot look at %s", r->proof.key);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0027)) {
		(void)err_set(e, ERR_VERIFY, "the private key %s can be read or changed by others (mode %04o)",
			      r->proof.key, (unsigned int)st.st_mode & 07777);
		return err_hint(e,
				"if nobody can have read it: chmod o=,g-w %s; else: etcd-cluster cert revoke %s, on "
				"the CA host",
				r->proof.key, r->want->cn);
	}
	r->key_mode = (struct file_mode){ .mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid };
	r->pair.key = x509_key_read(r->proof.key, e);
	return r->pair.key ? 0 : -1;
}

static int load(struct run *r, struct err *e)
{
	const struct client_want *w = r->want;

	r->proof.ca = xasprintf("%s/ca.crt", w->dir);
	r->proof.cert = xasprintf("%s/%s.crt", w->dir, w->cn);
	r->proof.key = xasprintf("%s/%s.key", w->dir, w->cn);
	r->proof.anywhere = true;
	r->next = xasprintf("%s/%s.key.new", w->dir, w->cn);
	r->key_mode = FILE_MODE(0600);
	if (load_key(r, e) < 0)
		return -1;
	if (!file_exists(r->proof.cert))
		return 0;
	if (file_read(r->proof.cert, PKI_FILE_MAX, &r->pair.pem, e) < 0 ||
	    pki_pair_take(&r->pair, x509_cert_parse(&r->pair.pem, r->proof.cert, e)) < 0)
		return -1;
	if (r->pair.key && x509_key_matches(r->pair.key, r->pair.cert) && file_exists(r->proof.ca) &&
	    strcmp(r->pair.info.cn, w->cn) == 0) {
		r->proof.has_pair = true;
		return 0;
	}
	(void)err_set(e, ERR_CONFIG, "%s, its key and ca.crt do not belong together", r->proof.cert);
	return err_hint(e, "put back those that do; or move %s away, and use a token", r->proof.cert);
}

/* What a killed run left. */
static char *staging_of(const struct run *r)
{
	return xasprintf("%s.new", r->want->dir);
}

static int sweep(const struct run *r, struct err *e)
{
	auto_free char *staging = staging_of(r);

	file_sweep(r->want->dir);
	return file_exists(staging) ? file_remove_tree(staging, e) : 0;
}

/* All is in place. The key is last: as long as it is there, the token is one that was used. */
static int drop_token(const struct run *r, struct err *e)
{
	if (r->want->token_file && file_wipe(r->want->token_file, e) < 0)
		return -1;
	return file_wipe(r->next, e) < 0 ? -1 : 0;
}

/* What a run left that was killed in the end; a key that waits for the answer to its request stays. */
static int finish(const struct run *r, struct err *e)
{
	auto_key x509_key *key = NULL;
	struct err wiped = { 0 };

	if (!r->proof.has_pair || !file_exists(r->next))
		return 0;
	key = x509_key_read(r->next, &wiped);
	if (!key && wiped.class == ERR_VERIFY) /* overwritten, which comes before it is removed */
		return file_wipe(r->next, e) < 0 ? -1 : 0;
	return key && x509_key_matches(key, r->pair.cert) ? drop_token(r, e) : 0;
}

static int put(const char *dir, const char *name, const char *ext, struct file_mode how, const struct buf *text,
	       struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.%s", dir, name, ext);

	return file_replace(path, how, text->data, text->len, e);
}

/* The certificate is last: with it the set is whole. */
static int put_certs(const struct run *r, const char *dir, struct err *e)
{
	return put(dir, "ca", "crt", FILE_MODE(0644), &r->made.ca_pem, e) < 0
		       ? -1
		       : put(dir, r->want->cn, "crt", FILE_MODE(0644), &r->made.cert[PKI_ETCDCTL], e);
}

/* Another key: the directory is exchanged for one with the new pair and everything else that is in it. */
static int put_set(const struct run *r, struct err *e)
{
	auto_free char *staging = staging_of(r);
	auto_buf struct buf pem = { 0 };
	struct stat st;

	if (stat(r->want->dir, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot look at %s", r->want->dir);
	x509_key_pem(r->key, &pem);
	if (file_mkdirs(staging, (struct file_mode){ .mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid },
			e) < 0 ||
	    put(staging, r->want->cn, "key", r->key_mode, &pem, e) < 0 || put_certs(r, staging, e) < 0 ||
	    file_link_tree(r->want->dir, staging, e) < 0 || file_sync_tree(staging, e) < 0)
		return -1;
	if (file_exchange(staging, r->want->dir, e) == 0)
		return file_remove_tree(staging, e);
	return err_hint(e, "move %s away, then run this again", r->proof.cert);
}

/* --- The request. */

static int make_question(const struct run *r, x509_key *key, struct buf *text, struct err *e)
{
	auto_question struct enroll_question q = {
		.client = true, .name = xstrdup(r->want->cn), .address = xstrdup(""), .now = r->m->now, .list = -1
	};
	auto_buf struct buf csr = { 0 };

	if (x509_csr_put(key, &csr, e) < 0)
		return -1;
	q.csr[PKI_ETCDCTL] = xstrdup(csr.data);
	return enroll_question_put(&q, text, e);
}

/* What came must be what was asked for. */
static int verify(const struct run *r, x509_key *key, struct err *e)
{
	const struct buf *pem = &r->made.cert[PKI_ETCDCTL], *ca_pem = &r->made.ca_pem;
	auto_pair struct pki_pair ca = { 0 }, leaf = { 0 };

	if (pki_pair_take(&ca, x509_cert_parse(ca_pem, "its CA certificate", e)) < 0 ||
	    pki_pair_take(&leaf, x509_cert_parse(pem, "the certificate", e)) < 0)
		return -1;
	if (!ca.info.ca || !x509_key_matches(key, leaf.cert) || strcmp(leaf.info.cn, r->want->cn) != 0 ||
	    !leaf.info.client || leaf.info.server || leaf.info.sans || leaf.info.ca)
		return err_set(e, ERR_VERIFY, "it sent a certificate that is not the one of a client %s", r->want->cn);
	return x509_verify(leaf.cert, pem, ca_pem, false, r->m->now, e);
}

/* What the server answered, as an error of ours; 0 when it sent what was asked for. */
static int take(struct run *r, enum proof_kind how, x509_key *key, const struct buf *answer, char **other,
		struct err *e)
{
	auto_reply struct enroll_reply reply = { 0 };

	if (enroll_reply_get(answer, &reply, e) < 0)
		return -1;
	if (reply.standby)
		*other = reply.ca_host ? xstrdup(reply.ca_host) : NULL;
	if (!reply.clients) {
		(void)err_set(e, ERR_PENDING, "its etcd-cluster is older, and has no certificates for clients");
		return err_hint(e, "upgrade etcd-cluster on the CA host; then run this again");
	}
	if (enroll_reply_check(&reply, e) < 0)
		return -1;
	if (reply.made.cert[PKI_ETCDCTL].len == 0 || reply.made.ca_pem.len == 0)
		return err_set(e, ERR_VERIFY, "it sent no certificate");
	if (how == PROOF_TOKEN && token_check_ca(&r->proof.token, &reply.made.ca_pem, e) < 0)
		return -1;
	pki_made_free(&r->made);
	r->made = reply.made;
	reply.made = (struct pki_made){ 0 };
	return verify(r, key, e);
}

static int ask_at(struct run *r, enum proof_kind how, x509_key *key, const char *server, char **other, struct err *e)
{
	auto_buf struct buf question = { 0 }, answer = { 0 };
	int rc = make_question(r, key, &question, e);

	if (rc == 0)
		rc = exchange(r->m, &r->proof, how, server, &question, 0, &answer, e);
	if (rc > 0)
		return take(r, how, key, &answer, other, e) < 0 ? err_wrap(e, "the enrolment server %s", server) : 0;
	if (rc < 0)
		return err_wrap(e, "the enrolment server %s", server);
	(void)err_set(e, ERR_PENDING, "nobody listens at %s, the enrolment server", server);
	return err_hint(e, "on the CA host: etcd-cluster status; the port must be open in the firewalls between");
}

/* A standby names the CA host, which is asked once. */
static int ask(struct run *r, enum proof_kind how, x509_key *key, struct err *e)
{
	auto_free char *other = NULL, *further = NULL;

	if (ask_at(r, how, key, r->want->server, &other, e) == 0)
		return 0;
	if (!other || strcmp(other, r->want->server) == 0)
		return -1;
	err_clear(e);
	return ask_at(r, how, key, other, &further, e);
}

/* --- The two ways. */

static int renew(struct run *r, struct err *e)
{
	return ask(r, PROOF_PAIR, r->pair.key, e) < 0 ? -1 : put_certs(r, r->want->dir, e);
}

static int put_key(const struct run *r, const char *path, x509_key *key, struct err *e)
{
	auto_buf struct buf pem = { 0 };

	x509_key_pem(key, &pem);
	return file_replace(path, r->key_mode, pem.data, pem.len, e);
}

/* It is there before the CA host is asked: a run that was killed asks again for the same key. */
static x509_key *next_key(struct run *r, struct err *e)
{
	x509_key *key;

	if (file_exists(r->next))
		return x509_key_read(r->next, e);
	/* A key without a certificate is somebody's choice. */
	key = r->pair.key && !r->proof.has_pair ? x509_key_read(r->proof.key, e) : x509_key_new(r->m->conf.key_type, e);
	if (key && put_key(r, r->next, key, e) < 0)
		x509_key_free_ptr(&key);
	return key;
}

/* The first one: nothing is there to be exchanged. */
static int put_first(const struct run *r, struct err *e)
{
	return put_key(r, r->proof.key, r->key, e) < 0 ? -1 : put_certs(r, r->want->dir, e);
}

static int enroll(struct run *r, struct err *e)
{
	r->key = next_key(r, e);
	if (!r->key || ask(r, PROOF_TOKEN, r->key, e) < 0)
		return -1;
	return (r->proof.has_pair ? put_set(r, e) : put_first(r, e)) < 0 ? -1 : drop_token(r, e);
}

static int obtain(struct run *r, struct err *e)
{
	if (file_mkdirs(r->want->dir, FILE_MODE(0700), e) < 0)
		return -1;
	if (!r->proof.has_pair)
		return enroll(r, e);
	if (renew(r, e) == 0)
		return 0;
	if (!r->proof.has_token || e->class != ERR_VERIFY)
		return -1;
	log_error(LOG_WARNING, e);
	log_info("asking again with a new key and the token of %s", r->want->token_file);
	err_clear(e);
	return enroll(r, e);
}

static int load_token(struct run *r, struct err *e)
{
	int rc = r->want->token_file ? token_read(r->want->token_file, &r->proof.token, e) : 0;

	r->proof.has_token = rc > 0;
	if (rc < 0 || r->proof.has_pair || r->proof.has_token)
		return rc < 0 ? -1 : 0;
	(void)err_set(e, ERR_CONFIG, "%s has no certificate of %s, and there is no token to get one", r->want->dir,
		      r->want->cn);
	return err_hint(e,
			"on the CA host: etcd-cluster token new --client %s; here: put the token into a file of mode "
			"0600, and name it with --token-file",
			r->want->cn);
}

int client_cert(const struct machine *m, const struct client_want *want, struct err *e)
{
	auto_run struct run r = { .m = m, .want = want };
	cleanup(x509_info_free) struct x509_info info = { 0 };
	auto_cert x509_cert *cert = NULL;

	if (pki_check_clock(m, e) < 0 || (!m->dry_run && sweep(&r, e) < 0) || load(&r, e) < 0)
		return -1;
	if (!m->dry_run && finish(&r, e) < 0)
		return -1;
	if (r.proof.has_pair && !want->force && !pki_near_end(m, &r.pair.info))
		return 0;
	if (load_token(&r, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would ask %s for a certificate of %s", want->server, want->cn);
		return 1;
	}
	if (obtain(&r, e) < 0)
		return -1;
	cert = x509_cert_parse(&r.made.cert[PKI_ETCDCTL], "the certificate", e);
	if (!cert)
		return -1;
	x509_describe(cert, &info);
	log_info("%s is valid until %s", r.proof.cert, clock_day(info.not_after).text);
	return 1;
}
