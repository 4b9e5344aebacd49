/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cluster/request.h"
#include "doctor/parts.h"

void doctor_requests(const struct machine *m, struct doctor_report *r)
{
	struct request_journal j cleanup(request_journal_free) = { 0 };
	struct err unread = { 0 };

	if (request_journal_read(m, &j, &unread) < 0)
		doctor_error(r, "requests_unreadable", &unread);
	for (const struct request_entry *one = j.list; one < j.list + j.n; one++)
		if (one->state == REQUEST_REFUSED && one->when > m->now - DAY)
			doctor_warn(
				r, "request_refused",
				"a request to this machine was refused at %s: %s -> look at who can write to etcd; to "
				"restart this member: etcd-cluster restart",
				clock_minute(one->when).text, one->words);
}
