/* SPDX-License-Identifier: Apache-2.0
 *
 * The last times that a machine got certificates, and from where: a thief with its key and its address gets them, too.
 */
#pragma once

#include "adapter/keyfile.h"

#define VISITS_MAX 5

struct visit {
	time_t time;
	char *source; /* IP literal that it connected from */
};

struct visits {
	struct visit list[VISITS_MAX]; /* the last one first */
	size_t n;
};

void visits_free(struct visits *v);

/* Puts one before the others; the oldest one goes. */
void visits_add(struct visits *v, time_t time, const char *source);

/* Makes *to, which is freed, a copy. */
void visits_copy(const struct visits *from, struct visits *to);

/* The last one came from elsewhere than the one before. */
bool visits_moved(const struct visits *v);

/* Lines VISIT_1="<time> 10.0.0.2" of a record. False when there is one that is not such a line. The caller frees. */
bool visits_get(const struct keyfile *k, struct visits *v);
int visits_put(const struct visits *v, struct buf *out, struct err *e) MUST_CHECK;
