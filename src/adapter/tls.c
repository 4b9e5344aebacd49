/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/tls.h"

#include "adapter/dial.h"
#include "adapter/x509.h"

/* The file that cannot be loaded, or NULL. */
static const char *load(SSL_CTX *ctx, const char *ca, const char *cert, const char *key)
{
	if (ca && SSL_CTX_load_verify_file(ctx, ca) != 1)
		return ca;
	if (cert && SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return cert;
	if (key && SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return key;
	return NULL;
}

SSL_CTX *tls_context(const SSL_METHOD *method, const char *ca, const char *cert, const char *key, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	const char *failed;

	must(ctx != NULL);
	(void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
					  X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	failed = load(ctx, ca, cert, key);
	if (!failed)
		return ctx;
	(void)err_set(e, ERR_FAIL, "cannot load %s: %s", failed, x509_reason("OpenSSL refuses"));
	SSL_CTX_free(ctx);
	return NULL;
}

SSL *tls_over(SSL_CTX *ctx, int fd)
{
	SSL *tls = SSL_new(ctx);

	must(tls && SSL_set_fd(tls, fd) == 1);
	SSL_CTX_free(ctx); /* tls keeps it */
	return tls;
}

int tls_again(SSL *tls, int rc, long long deadline)
{
	switch (SSL_get_error(tls, rc)) {
	case SSL_ERROR_WANT_READ:
		return dial_ready(SSL_get_fd(tls), POLLIN, deadline);
	case SSL_ERROR_WANT_WRITE:
		return dial_ready(SSL_get_fd(tls), POLLOUT, deadline);
	default:
		return -1;
	}
}
