/* SPDX-License-Identifier: Apache-2.0 */
#include "member/removal.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "member/quorum.h"

int removal_pick(const struct member_survey *s, const char *what, const struct member **one, struct err *e)
{
	uint64_t id = 0;
	bool is_id = text_parse_hex(what, &id);

	*one = NULL;
	for (size_t i = 0; i < s->n; i++) {
		const struct member *it = &s->list[i];

		if (!it->listed || (strcmp(it->name, what) != 0 && !(is_id && it->id == id)))
			continue;
		if (*one) {
			(void)err_set(e, ERR_CONFIG,
				      "%s can mean the member %016" PRIx64 " at %s and the member %016" PRIx64 " at %s",
				      what, (*one)->id, (*one)->url, it->id, it->url);
			return err_hint(e, "name the one by its ID");
		}
		*one = it;
	}
	return *one != NULL;
}

const struct member *removal_by_id(const struct member_survey *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].listed && s->list[i].id == id)
			return &s->list[i];
	}
	return NULL;
}

int removal_check(const struct member_survey *s, const struct member *one, struct err *e)
{
	struct member_votes votes = member_count_votes(s);

	return quorum_refuse(quorum_check_removal(votes, !one->learner, one->healthy), votes,
			     one->name[0] ? one->name : "it", e);
}

void removal_report(const struct member_survey *s, const struct member *gone)
{
	struct member_votes left = quorum_without(member_count_votes(s), !gone->learner, gone->healthy);

	log_info("%zu voting member%s left, of which %zu may fail", left.all, left.all == 1 ? " is" : "s are",
		 quorum_spare(left));
}
