/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/message, enroll/report, adapter/x509_csr: a parsed request or report can be written again and is the same; an
 * answer and a certificate request are parsed or refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/x509_csr.h"
#include "enroll/message.h"
#include "enroll/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void question(const struct buf *text)
{
	auto_question struct enroll_question first = { 0 }, second = { 0 };
	auto_buf struct buf again = { 0 };
	struct err e = { 0 };

	if (enroll_question_get(text, &first, &e) < 0)
		return;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_key x509_key *key = first.csr[i] ? x509_csr_get(first.csr[i], &e) : NULL;

		if (key && !x509_key_strong(key))
			abort();
	}
	if (enroll_question_put(&first, &again, &e) < 0)
		return; /* both kinds of quotes in MEMBERS, or too long with its quotes */
	if (enroll_question_get(&again, &second, &e) < 0 || strcmp(first.name, second.name) != 0 ||
	    strcmp(first.address, second.address) != 0 || first.client != second.client || first.now != second.now)
		abort();
}

static void report(const struct buf *text)
{
	auto_report struct report first = { 0 }, second = { 0 };
	auto_form_reply struct form_reply reply = { 0 };
	auto_buf struct buf again = { 0 };
	struct err e = { 0 };

	(void)!form_reply_get(text, &reply, &e);
	err_clear(&e);
	if (report_get(text, &first, &e) < 0 || report_put(&first, &again, &e) < 0)
		return;
	if (report_get(&again, &second, &e) < 0 || strcmp(first.disk, second.disk) != 0 || first.state != second.state)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_reply struct enroll_reply reply;
	auto_buf struct buf text = { 0 };
	struct err e = { 0 };

	buf_add(&text, data, size);
	question(&text);
	report(&text);
	(void)!enroll_reply_get(&text, &reply, &e);
	return 0;
}
