/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/ca.h"

#include <string.h>

#include "base/log.h"
#include "pki/check.h"
#include "pki/store.h"

#define MAX_EXPORT (64UL << 20)
/* Around what is not PEM, in a file of which openssl(1) reads the PEM only. */
#define MORE_BEGINS "\n# records of etcd-cluster, signed by the CA\n"
#define MORE_ENDS   "# signature: "

#define MIN_PASSPHRASE 12 /* bytes; scrypt makes guessing slow, not impossible */

int pki_ca_load(const struct machine *m, struct pki_pair *ca, struct err *e)
{
	if (pki_pair_load(m, "ca", false, ca, e) < 0)
		return -1;
	if (ca->cert)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has no CA", m->at.pki);
	return err_hint(e, "make one: etcd-cluster setup; or bring one: etcd-cluster ca import");
}

static int read_passphrase(const struct machine *m, const char *file, struct buf *word, struct err *e)
{
	int rc = pki_key_guard(m, file, false, e);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_CONFIG, "the passphrase file %s does not exist", file);
	if (file_read(file, 4096, word, e) < 0)
		return -1;
	if (word->len > 0)
		word->data[strcspn(word->data, "\r\n")] = '\0';
	if (strlen(buf_str(word)) < MIN_PASSPHRASE)
		return err_set(e, ERR_CONFIG,
			       "the passphrase in the first line of %s is too short: at least %d bytes are needed",
			       file, MIN_PASSPHRASE);
	return 0;
}

static int put_more(x509_key *key, const struct buf *more, struct buf *out, struct err *e)
{
	if (more->len == 0)
		return 0;
	buf_puts(out, MORE_BEGINS);
	buf_add(out, more->data, more->len);
	buf_puts(out, MORE_ENDS);
	if (x509_key_sign(key, more->data, more->len, out, e) < 0)
		return -1;
	buf_puts(out, "\n");
	return 0;
}

/* Appends the lines that such a file has behind the key, if any. */
static int get_more(x509_key *key, const char *file, const struct buf *text, struct buf *more, struct err *e)
{
	const char *begin = strstr(buf_str(text), MORE_BEGINS);
	const char *end = begin ? strstr(begin, "\n" MORE_ENDS) : NULL;
	auto_free char *hex = NULL;

	if (!begin)
		return 0; /* from before there were records in it */
	begin += strlen(MORE_BEGINS);
	if (end && end + 1 >= begin) {
		const char *digits = end + 1 + strlen(MORE_ENDS);

		hex = xstrndup(digits, strcspn(digits, "\r\n"));
		end++;
	}
	if (!hex || !x509_key_signed(key, begin, (size_t)(end - begin), hex)) {
		(void)err_set(e, ERR_VERIFY, "the records in %s were changed after the export", file);
		return err_hint(e, "export the CA again where it is");
	}
	buf_add(more, begin, (size_t)(end - begin));
	return 0;
}

int pki_ca_export(const struct machine *m, const char *file, const char *passphrase_file, const struct buf *more,
		  struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };
	auto_buf struct buf word = { 0 }, out = { 0 };

	if (pki_ca_load(m, &ca, e) < 0)
		return -1;
	if (!ca.key)
		return err_set(e, ERR_CONFIG, "ca.key is not in %s, so the CA cannot be exported", m->at.pki);
	if (pki_check_ca(m, &ca, e) < 0 || read_passphrase(m, passphrase_file, &word, e) < 0 ||
	    pki_check_absent(file, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would write %s", file);
		return 1;
	}
	buf_add(&out, ca.pem.data, ca.pem.len);
	if (x509_key_pem_encrypted(ca.key, buf_str(&word), &out, e) < 0 || put_more(ca.key, more, &out, e) < 0 ||
	    file_replace(file, FILE_MODE(0600), out.data, out.len, e) < 0)
		return -1;
	return 1;
}

/* The pair in the file, checked as if it were in place already. */
static int unwrap(const struct machine *m, const char *file, const char *passphrase_file, struct pki_pair *ca,
		  struct buf *more, struct err *e)
{
	auto_buf struct buf word = { 0 }, text = { 0 };

	if (read_passphrase(m, passphrase_file, &word, e) < 0 || file_read(file, MAX_EXPORT, &text, e) < 0)
		return -1;
	if (pki_pair_take(ca, x509_cert_parse(&text, file, e)) < 0)
		return -1;
	ca->key = x509_key_parse(&text, buf_str(&word), file, e);
	if (!ca->key || get_more(ca->key, file, &text, more, e) < 0)
		return -1;
	return pki_check_clock(m, e) < 0 || pki_check_ca(m, ca, e) < 0 ? err_wrap(e, "%s", file) : 0;
}

/* 1 it may be put there, 0 it is there, -1 another one is. */
static int compare(const struct machine *m, const struct pki_pair *new, struct err *e)
{
	auto_pair struct pki_pair old = { 0 };
	auto_free char *key = machine_pki_path(m, "ca", "key");

	if (pki_pair_load(m, "ca", false, &old, e) < 0)
		return -1;
	if (!old.cert && !file_exists(key))
		return 1;
	if (old.cert && strcmp(old.info.subject, new->info.subject) == 0 && x509_key_matches(new->key, old.cert))
		return old.key ? 0 : 1;
	(void)err_set(e, ERR_CONFIG, "%s has another CA (%s)", m->at.pki, old.cert ? old.info.subject : "only ca.key");
	return err_hint(e, "a CA in use is not replaced; if it must be, first move %s away", m->at.pki);
}

static int fill(const struct machine *m, const char *dir, const void *what, struct err *e)
{
	auto_free char *cert = xasprintf("%s/ca.crt", dir), *key = xasprintf("%s/ca.key", dir);
	const struct pki_pair *ca = what;
	auto_buf struct buf pem = { 0 };

	x509_key_pem(ca->key, &pem);
	if (file_stage(key, pki_key_mode(m, false), pem.data, pem.len, e) < 0)
		return -1;
	/* A ca.crt that is there stays: it may be a bundle. */
	return file_exists(cert) ? 0 : file_stage(cert, pki_cert_mode(), ca->pem.data, ca->pem.len, e);
}

int pki_ca_import(const struct machine *m, const char *file, const char *passphrase_file, struct buf *more,
		  struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };
	int rc;

	if ((!m->dry_run && pki_store_recover(m, e) < 0) || unwrap(m, file, passphrase_file, &ca, more, e) < 0)
		return -1;
	rc = compare(m, &ca, e);
	if (rc <= 0)
		return rc;
	if (m->dry_run) {
		log_info("would put the CA %s into %s", ca.info.subject, m->at.pki);
		return 1;
	}
	return pki_store_change(m, fill, &ca, e) < 0 ? -1 : 1;
}
