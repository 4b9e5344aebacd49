/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/source.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define MANIFEST "/etc/kubernetes/manifests/etcd.yaml"

void adopt_source_free(struct adopt_source *s)
{
	for (size_t i = 0; i < s->n; i++)
		config_line_free(&s->settings[i]);
	free(s->settings);
	free(s->unit);
	free(s->path);
	strv_free(s->mounts);
	*s = (struct adopt_source){ 0 };
}

/* "data-dir" is ETCD_DATA_DIR. The caller frees. */
static char *variable_of(const char *option)
{
	char *name = xasprintf("ETCD_%s", option);

	text_upper(name);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static struct config_line *find(const struct adopt_source *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->settings[i].key, key) == 0)
			return &s->settings[i];
	return NULL;
}

const struct config_line *adopt_setting(const struct adopt_source *s, const char *option)
{
	auto_free char *key = variable_of(option);
	const struct config_line *found = find(s, key);

	return found && found->value[0] ? found : NULL;
}

void adopt_put(struct adopt_source *s, const char *option, const char *value, const char *file, unsigned int line)
{
	auto_free char *key = variable_of(option);
	struct config_line *to = find(s, key);

	if (to) {
		config_line_free(to);
	} else {
		s->settings = xrealloc(s->settings, s->n + 1, sizeof(*s->settings));
		to = &s->settings[s->n++];
	}
	*to = (struct config_line){ steal(&key), xstrdup(value), xasprintf("%s:%u", file, line) };
}

/* "--name=n1", "-name n1"; an option that no value follows is true, as Go's package flag reads it. */
int adopt_put_flags(struct adopt_source *s, char *const *words, const char *file, unsigned int line, struct err *e)
{
	for (size_t i = 0; words && words[i]; i++) {
		const char *word = words[i], *equal = strchr(word, '=');
		auto_free char *option = NULL;

		if (word[0] != '-' || word[strspn(word, "-")] == '\0')
			return err_set(e, ERR_CONFIG, "%s:%u: %s is not an option of etcd", file, line, word);
		word += strspn(word, "-");
		option = equal ? xstrndup(word, (size_t)(equal - word)) : xstrdup(word);
		if (equal)
			adopt_put(s, option, equal + 1, file, line);
		else if (words[i + 1] && words[i + 1][0] != '-')
			adopt_put(s, option, words[++i], file, line);
		else
			adopt_put(s, option, "true", file, line);
	}
	return 0;
}

static int read_manifest(const struct layout *at, const char *file, struct adopt_source *s, struct err *e)
{
	auto_free char *path = layout_path(at, file);
	auto_buf struct buf text = { 0 };

	s->path = xstrdup(file);
	if (file_read(path, ADOPT_FILE_MAX, &text, e) < 0)
		return -1;
	return adopt_read_manifest(s, file, buf_str(&text), e);
}

/* With a configuration file etcd ignores every other option and variable (etcd, startEtcdOrProxyV2). */
static int follow_config(const struct layout *at, struct adopt_source *s, struct err *e)
{
	const struct config_line *named = adopt_setting(s, "config-file");
	auto_free char *file = named ? xstrdup(named->value) : NULL, *path = file ? layout_path(at, file) : NULL;
	struct adopt_source only = { 0 };
	auto_buf struct buf text = { 0 };

	if (!file)
		return 0;
	if (file[0] != '/')
		return err_set(e, ERR_CONFIG, "%s: the configuration file %s is not an absolute path", named->where,
			       file);
	if (file_read(path, ADOPT_FILE_MAX, &text, e) < 0)
		return -1;
	only.unit = steal(&s->unit);
	only.path = steal(&s->path);
	only.mounts = steal(&s->mounts);
	adopt_source_free(s);
	*s = only;
	return adopt_read_config(s, file, buf_str(&text), e);
}

int adopt_source_read(const struct layout *at, const char *name, struct adopt_source *s, struct err *e)
{
	auto_free char *manifest = layout_path(at, MANIFEST), *unit = NULL;
	const bool pod = !name && file_exists(manifest);
	int rc;

	*s = (struct adopt_source){ 0 };
	if (pod) {
		unit = adopt_unit_path(at, "etcd.service");
		if (unit) {
			(void)err_set(e, ERR_CONFIG, "there are two: %s and the static pod %s", unit, MANIFEST);
			return err_hint(e, "etcd-cluster adopt etcd.service, or: etcd-cluster adopt %s", MANIFEST);
		}
	}
	if (pod || (name && name[0] == '/'))
		rc = read_manifest(at, pod ? MANIFEST : name, s, e);
	else
		rc = adopt_read_unit(at, name ? name : "etcd.service", s, e);
	return rc < 0 ? -1 : follow_config(at, s, e);
}
