/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/x509, adapter/x509_key, adapter/x509_crl: any bytes as certificate, as key and as revocation list; a parsed
 * certificate can be described, checked and printed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/x509_crl.h"
#include "adapter/x509_key.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			abort();
}

static void try_certificate(const struct buf *pem)
{
	struct err e = { 0 };
	auto_cert x509_cert *cert = x509_cert_parse(pem, "f", &e);
	struct x509_info info;

	if (!cert)
		return;
	x509_describe(cert, &info);
	must_be_printable(info.subject);
	must_be_printable(info.issuer);
	must_be_printable(info.cn);
	for (char **san = info.sans; san && *san; san++) {
		must_be_printable(*san);
		(void)x509_covers(cert, *san);
	}
	(void)x509_signed_by(cert, cert);
	(void)!x509_verify(cert, pem, pem, true, info.not_before, &e);
	x509_info_free(&info);
}

static void try_list(const struct buf *der)
{
	auto_strv char **serials = NULL;
	struct err e = { 0 };

	if (x509_crl_parse(der, "f", &serials, &e) < 0)
		return;
	for (char **serial = serials; serial && *serial; serial++)
		must_be_printable(*serial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf pem = { 0 }, again = { 0 };
	struct err e = { 0 };

	buf_add(&pem, data, size);
	try_certificate(&pem);
	try_list(&pem);
	auto_key x509_key *key = x509_key_parse(&pem, NULL, "f", &e);
	if (key) {
		auto_free char *type = x509_key_describe(key);

		must_be_printable(type);
		if (x509_key_strong(key))
			x509_key_pem(key, &again);
	}
	return 0;
}
