/* SPDX-License-Identifier: Apache-2.0
 *
 * The releases of etcd on this machine: which are installed, which one is current, and bringing the one that
 * cluster.conf names. A release is a directory below layout.releases: vX.Y.Z with the programs of upstream's tarball,
 * or `system` with links to the distribution's. The link `current` points at one of them, `previous` at the one before.
 * A switch is one rename and restarts nothing. The caller of what changes something holds the machine's lock.
 */
#pragma once

#include "release/record.h"
#include "release/tarball.h"

struct release {
	char *name; /* "v3.6.14" or "system" */
	struct version version;
	char *dir; /* absolute */
};

/*
 * The release that `current` points at. 1 found, 0 there is none, -1 it is damaged (ERR_FAIL; release_ensure repairs
 * it). Reads two small files and looks at the programs' sizes; hashes nothing.
 */
int release_current(const struct machine *m, struct release *r, struct err *e) MUST_CHECK;
void release_free(struct release *r);

/* The option names that this etcd knows, such as "listen-peer-urls", as a strv that the caller frees. */
int release_options(const struct release *r, char ***options, struct err *e) MUST_CHECK;

/*
 * Installs the release of cluster.conf and makes it current. A current release that cluster.conf does not contradict
 * stays; with neither, the only one that is installed or that a package brought is taken before the package's default.
 * has_member: this machine is a member; another version is then installed beside the current one, and a warning shows
 * how to switch. 1 something changed, 0 not, -1: as release_install.
 */
int release_ensure(const struct machine *m, enum tarball_from from, bool has_member, struct err *e) MUST_CHECK;

/* ---- Installing (install.c) ------------------------------------------------------------------------------------ */

/* True when all of it is there, by its record; nothing is hashed. */
bool release_is_whole(const struct machine *m, const char *name);

/*
 * Makes releases/vX.Y.Z from a verified tarball. It is built aside, checked (its etcd runs here and has this version),
 * synced and renamed. A whole one stays (TARBALL_AGAIN hashes it first), a damaged one is exchanged. Or makes
 * releases/system, with links to the distribution's programs, or brings its record up to date. 1 changed, 0 it was
 * there, -1: ERR_VERIFY, ERR_PENDING as tarball_get; ERR_CONFIG when the version is known to be bad, the place has no
 * room or is read-only or noexec, or there is no etcd of the distribution.
 */
int release_install(const struct machine *m, const char *name, enum tarball_from from, struct err *e) MUST_CHECK;

/* ---- Switching (switch.c) -------------------------------------------------------------------------------------- */

/*
 * Makes an installed release current and keeps the former one as previous. 1 switched, 0 it was current. ERR_CONFIG: it
 * is not installed or known to be bad; or this machine is a member (it has a member-id) and the step is one that etcd's
 * data do not survive: back across a minor version, or forward by more than one.
 */
int release_use(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/* Makes the previous release current, under the same conditions. */
int release_rollback(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Removes all releases but current, previous and the `keep` newest others, with their tarballs in the cache. How many,
 * or -1.
 */
int release_prune(const struct machine *m, size_t keep, struct err *e) MUST_CHECK;

/* ---- Listing --------------------------------------------------------------------------------------------------- */

struct release_entry {
	char *name;
	bool current, previous;
	struct release_record record;
};

struct release_list {
	struct release_entry *entries; /* newest first, `system` last */
	size_t n;
	char **cached;	       /* strv of tarballs in the cache, by name */
	char **bundled;	       /* the same of the local releases that packages brought */
	struct version newest; /* in the pinned table for this architecture; 0.0.0: none */
};

/* The caller frees, also after a failure. */
int release_list(const struct machine *m, struct release_list *l, struct err *e) MUST_CHECK;
void release_list_free(struct release_list *l);
