/* SPDX-License-Identifier: Apache-2.0
 *
 * A broken cluster.conf: what it says about security, and does not apply.
 */
#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "doctor/examine.h"

#define CONF_MAX (256 * 1024)

/* A key with one of these in its name decides who may connect, and how. */
static bool is_security(const char *key)
{
	static const char *const words[] = { "TLS",  "CIPHER",	  "CERT", "CRL",	"AUTH",
					     "CORS", "WHITELIST", "SANS", "METRICS_URL" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(key, words[i]))
			return true;
	return false;
}

/* Adds the names of the security keys in text, as far as it has lines KEY=VALUE, whose value is not that in `in`. */
static void compare(const char *text, const struct keyfile *in, char ***stale)
{
	auto_strv char **lines = text_split(text, "\n");

	for (char **line = lines; line && *line; line++) {
		char *value = strchr(*line, '=');
		const char *applies;
		size_t n;

		if (!value || (*line)[0] < 'A' || (*line)[0] > 'Z')
			continue;
		*value++ = '\0';
		n = strlen(value);
		if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
			value[n - 1] = '\0';
			value++;
		}
		applies = keyfile_get(in, *line);
		if (is_security(*line) && strcmp(applies ? applies : "", value) != 0)
			strv_add_once(stale, *line);
	}
}

void doctor_broken(const struct machine *m, enum doctor_level level, struct doctor_report *r)
{
	auto_free char *good = xasprintf("%s/cluster.conf", m->at.last_good), *names = NULL;
	auto_keyfile struct keyfile applies = { 0 };
	auto_strv char **stale = NULL;
	auto_buf struct buf text = { 0 };
	struct err unread = { 0 };

	if (m->broken.class == ERR_NONE)
		return;
	doctor_add(r, level, level == DOCTOR_BAD ? ERR_CONFIG : ERR_NONE, "conf_broken", "%s -> %s", m->broken.msg,
		   m->broken.hint[0] ? m->broken.hint : "correct it, then: etcd-cluster setup");
	if (keyfile_read(good, &applies, &unread) < 0 || file_read(m->at.conf, CONF_MAX, &text, &unread) < 0)
		return;
	compare(buf_str(&text), &applies, &stale);
	if (!stale)
		return;
	names = strv_join(stale, ", ");
	doctor_warn(r, "security_not_applied", "security settings of %s do not apply until it is corrected: %s",
		    m->at.conf, names);
}
