/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/origin.h"

#include "adapter/keyfile.h"
#include "config/machine.h"

enum pki_origin pki_origin(const struct machine *m)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");
	auto_free char *host = machine_pki_path(m, "ca", "host");

	if (file_exists(key))
		return PKI_CA;
	if (file_exists(cert))
		return file_exists(host) ? PKI_ENROLLED : PKI_COPIED;
	return config_makes_ca(&m->conf) ? PKI_NEW_CA : PKI_TO_ENROLL;
}

int pki_host_read(const struct machine *m, char **door, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "ca", "host");
	auto_keyfile struct keyfile k = { 0 };
	const char *value;

	*door = NULL;
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	value = keyfile_get(&k, "DOOR");
	if (!value || !*value) {
		(void)err_set(e, ERR_CONFIG, "%s names no DOOR", path);
		return err_hint(e, "write DOOR=ADDRESS:PORT of the CA host there, or move the file away");
	}
	*door = xstrdup(value);
	return 1;
}

int pki_host_text(const char *door, struct buf *text, struct err *e)
{
	buf_puts(text, "# The door of the CA host that issued these certificates and renews them.\n");
	return keyfile_put(text, "DOOR", door, e);
}
