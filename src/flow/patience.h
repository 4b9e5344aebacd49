/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * Waiting for other machines: how long, how often, and what is said about it meanwhile.
 */
#ifndef FLOW_PATIENCE_H
#define FLOW_PATIENCE_H

#include <stdbool.h>

#include "base/err.h"

struct patience {
	long long began, end; /* ms of the monotonic clock */
	char said[256];	      /* the beginning of the last reason that was logged */
};

void patience_begin(struct patience *p, unsigned int seconds);

/*
 * Sleeps until it is time to look again: soon in the beginning, every few seconds later, never at the same time as others. Says why when the
 * reason is another one than before. False, without sleeping, when the time is over.
 */
bool patience_pause(struct patience *p, const struct err *why);

#endif
