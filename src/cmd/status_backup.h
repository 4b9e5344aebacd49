/* SPDX-License-Identifier: Apache-2.0
 *
 * What status shows of backups.
 */
#pragma once

#include "doctor/examine.h"

struct json_object;

void status_print_backups(const struct machine *m, const struct doctor_backups *b);
void status_json_backups(struct json_object *o, const struct machine *m, const struct doctor_backups *b);
