/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/made.h"

#include <stdlib.h>

void pki_made_free(struct pki_made *made)
{
	buf_free(&made->ca_pem);
	for (int i = 0; i < PKI_LEAVES; i++)
		buf_free(&made->cert[i]);
	free(made->server);
	*made = (struct pki_made){ 0 };
}
