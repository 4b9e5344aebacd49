/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/certs.h"

#include <string.h>

#include "pki/made.h"

int enroll_certs(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		 struct pki_made *a, struct err *e)
{
	struct enroll_leaf leaves[PKI_LEAVES];
	size_t n = 0;

	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i])
			leaves[n++] = (struct enroll_leaf){ .profile = (enum pki_leaf)i, .key = keys[i] };
	if (enroll_request(m, leaves, n, a, e) < 0)
		return -1;
	if (pki_made_verify(m, ca, keys, a, e) == 0)
		return 0;
	e->class = ERR_VERIFY;
	e->hint[0] = '\0'; /* it would be about files that are in place */
	(void)err_wrap(e, "the answer of the CA host at %s is not used", a->server);
	if (ca->cert)
		return err_hint(e,
				"if the CA was made anew there: move %s away and enrol again with a new token "
				"(etcd-cluster token new)",
				m->at.pki);
	return err_hint(e, "compare cluster.conf and the clock of both machines, then: etcd-cluster setup");
}
