/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		free(c->members[i].name);
		free(c->members[i].address);
	}
	for (size_t i = 0; i < c->n_etcd; i++) {
		free(c->etcd[i].key);
		free(c->etcd[i].value);
		free(c->etcd[i].where);
	}
	free(c->members);
	free(c->etcd);
	free(c->name);
	free(c->address);
	free(c->cluster_token);
	strv_free(c->join);
	free(c->join_ports);
	free(c->enroll_token_file);
	free(c->release);
	strv_free(c->release_urls);
	free(c->release_ca);
	free(c->data_dir);
	free(c->wal_dir);
	free(c->metrics_url);
	strv_free(c->extra_sans);
	free(c->backup_schedule);
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
