/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

void config_free(struct config *c)
{
	char *const texts[] = {
		c->name,       c->address,  c->cluster_token, c->enroll_token_file, c->release,
		c->release_ca, c->data_dir, c->wal_dir,	      c->metrics_url,	    c->backup_schedule
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < c->n_members; i++) {
		free(c->members[i].name);
		free(c->members[i].address);
	}
	free(c->members);
	for (size_t i = 0; i < c->n_etcd; i++)
		config_line_free(&c->etcd[i]);
	free(c->etcd);
	strv_free(c->join);
	free(c->join_ports);
	strv_free(c->release_urls);
	strv_free(c->extra_sans);
	*c = (struct config){ 0 };
}

bool config_makes_ca(const struct config *c)
{
	return c->role == ROLE_SINGLE || (c->role == ROLE_CLUSTER && strcmp(c->members[0].name, c->name) == 0);
}

char *config_url(const char *address, uint16_t port)
{
	return strchr(address, ':') ? xasprintf("https://[%s]:%u", address, port)
				    : xasprintf("https://%s:%u", address, port);
}

const char *config_etcd_value(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->n_etcd; i++)
		if (strcmp(c->etcd[i].key, key) == 0)
			return c->etcd[i].value;
	return NULL;
}

char *config_wal_dir(const struct config *c)
{
	return c->wal_dir ? xasprintf("%s/wal", c->wal_dir) : NULL;
}
