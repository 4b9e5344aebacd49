/* SPDX-License-Identifier: Apache-2.0
 *
 * How an etcd that another tool has set up on this machine is started: the settings of its unit (with drop-ins,
 * environment files and a configuration file), or of its static pod. What cannot be understood is ERR_CONFIG with file
 * and line. Only reads.
 */
#pragma once

#include "config/check.h"
#include "config/layout.h"

struct adopt_source {
	char *unit; /* "etcd.service"; NULL: a static pod */
	char *path; /* of the unit or the manifest, without --root */
	/* In force, each key once: "ETCD_DATA_DIR", its value, "file:line". */
	struct config_line *settings;
	size_t n;
	char **mounts; /* strv: directories of the host that a static pod sees */
};

#define auto_source cleanup(adopt_source_free)
void adopt_source_free(struct adopt_source *s);

/*
 * Reads the unit ("etcd.service") or the manifest (an absolute path) that `name` says; NULL: the manifest of kubeadm or
 * etcd.service, whichever is there. The caller frees s in any case.
 */
int adopt_source_read(const struct layout *at, const char *name, struct adopt_source *s, struct err *e) MUST_CHECK;

/* The setting of this option ("data-dir"), or NULL when it is not set or empty. */
const struct config_line *adopt_setting(const struct adopt_source *s, const char *option);

/* For the readers: sets an option, in place of what was said before. */
void adopt_put(struct adopt_source *s, const char *option, const char *value, const char *file, unsigned int line);

/* Likewise: the words of a command line behind the program. */
int adopt_put_flags(struct adopt_source *s, char *const *words, const char *file, unsigned int line,
		    struct err *e) MUST_CHECK;

/* Likewise: the file of --config-file, which etcd reads instead of flags and environment (yaml.c). */
int adopt_read_config(struct adopt_source *s, const char *file, const char *text, struct err *e) MUST_CHECK;

/* Likewise: the manifest of a static pod. */
int adopt_read_manifest(struct adopt_source *s, const char *file, const char *text, struct err *e) MUST_CHECK;

/*
 * unit.c: a unit as far as it says how etcd is started: ExecStart=, Environment=, EnvironmentFile=, with their
 * drop-ins, quotes, variables and the specifiers %% and %H. Everything else in it is systemd's. The file of a unit that
 * is not ours, without --root, or NULL (the caller frees); and its settings.
 */
char *adopt_unit_path(const struct layout *at, const char *unit);
int adopt_read_unit(const struct layout *at, const char *unit, struct adopt_source *s, struct err *e) MUST_CHECK;

#define ADOPT_FILE_MAX 65536 /* bytes of a unit, an environment file, a manifest */
