/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of this machine as `status`, `check` and `cert list` show them.
 */
#pragma once

#include "adapter/x509.h"
#include "config/machine.h"
#include "pki/profile.h"

#define PKI_ENTRIES (PKI_LEAVES + 1)

struct pki_entry {
	const char *name; /* "ca", "server", … */
	char *path;
	bool present;	       /* and readable */
	struct x509_info info; /* empty when not present */
	char *source; /* only of the CA, the signer: "this machine", "10.0.0.1:2382", "the CA host", "copied", "external" */
	char *problem; /* a plain sentence, or NULL */
	char *fix;     /* the command that fixes it, or NULL */
};

/* PKI_ENTRIES, the CA first. A file that cannot be read is a problem of its entry. Freed with pki_list_free. */
struct pki_entry *pki_list(const struct machine *m);
void pki_list_free(struct pki_entry *list); /* which may be NULL */
