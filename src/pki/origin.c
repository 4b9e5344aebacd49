/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/origin.h"

#include "adapter/keyfile.h"

enum pki_origin pki_origin(const struct machine *m)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");
	auto_free char *host = machine_pki_path(m, "ca", "host");

	if (m->conf.ca_external)
		return PKI_EXTERNAL;
	if (file_exists(key))
		return PKI_CA;
	if (file_exists(cert))
		return file_exists(host) ? PKI_ENROLLED : PKI_COPIED;
	return config_makes_ca(&m->conf) ? PKI_NEW_CA : PKI_TO_ENROLL;
}

int pki_host_read(const struct machine *m, char **server, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "ca", "host");
	auto_keyfile struct keyfile k = { 0 };
	const char *value;

	*server = NULL;
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	value = keyfile_get(&k, "DOOR"); /* the key of ca.host since its first version */
	if (!value || !*value) {
		(void)err_set(e, ERR_CONFIG, "%s has no line DOOR=ADDRESS:PORT", path);
		return err_hint(e, "write the enrolment server of the CA host there, or move the file away");
	}
	*server = xstrdup(value);
	return 1;
}

int pki_host_text(const char *server, struct buf *text, struct err *e)
{
	buf_puts(text, "# The enrolment server of the CA host that issued these certificates and renews them.\n");
	return keyfile_put(text, "DOOR", server, e);
}
