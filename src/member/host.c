/* SPDX-License-Identifier: Apache-2.0 */
#include "member/host.h"

#include <endian.h>
#include <string.h>

#include "adapter/digest.h"
#include "adapter/keyfile.h"
#include "base/log.h"
#include "base/text.h"

#define UUID_MAX 128

struct host {
	char *hardware, *machine, *address; /* NULL: not known */
};

static void host_free(struct host *h)
{
	free(h->hardware);
	free(h->machine);
	free(h->address);
}

/* What firmware has when nobody filled it in: one digit only, or the example of a board's manual. */
static bool is_placeholder(const char *uuid)
{
	const char digits[] = { uuid[0], '-', '\0' };

	return strspn(uuid, digits) == strlen(uuid) || strcmp(uuid, "03000200-0400-0500-0006-000700080009") == 0;
}

/* The characters of a UUID or a serial number that a file of ours can have. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

/* The ID in a file of the kernel, in lower case; NULL when it is none, or only root can read it. */
static char *kernel_id(const struct machine *m, const char *name)
{
	auto_free char *path = layout_path(&m->at, name);
	auto_buf struct buf text = { 0 };
	struct err absent = { 0 };
	char *line;

	if (file_read(path, UUID_MAX, &text, &absent) < 0)
		return NULL;
	line = xstrndup(buf_str(&text), strcspn(buf_str(&text), "\n"));
	if (*line == '\0' || line[strspn(line, PLAIN)] != '\0') {
		free(line);
		return NULL;
	}
	text_lower(line);
	return line;
}

/* PCs and most virtual machines, Xen, boards with a device tree. */
static char *hardware(const struct machine *m)
{
	static const char *const files[] = { "/sys/class/dmi/id/product_uuid", "/sys/hypervisor/uuid",
					     "/sys/firmware/devicetree/base/serial-number" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_free char *uuid = kernel_id(m, files[i]);

		if (uuid && !is_placeholder(uuid))
			return steal(&uuid);
	}
	return NULL;
}

uint64_t host_machine_id(const struct machine *m)
{
	auto_free char *id = kernel_id(m, "/etc/machine-id");
	auto_digest digest_ctx *d = digest_new();
	uint8_t sha256[DIGEST_LEN];
	uint64_t hash;

	if (!id || strlen(id) != 32) /* "uninitialized" in an image */
		return 0;
	digest_add(d, "etcd-cluster", strlen("etcd-cluster"));
	digest_add(d, id, strlen(id));
	digest_end(d, sha256);
	memcpy(&hash, sha256, sizeof(hash));
	return be64toh(hash);
}

static struct host host_now(const struct machine *m)
{
	const uint64_t machine = host_machine_id(m);

	return (struct host){ .hardware = hardware(m),
			      .machine = machine ? xasprintf(ID_FMT, machine) : NULL,
			      .address = xstrdup(m->conf.address) };
}

/* 1 read, 0 none (or only root can read it), -1. The caller frees. */
static int host_read(const struct machine *m, struct host *h, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	if (keyfile_read(m->at.host, &k, e) < 0) {
		if (e->sys != EACCES)
			return err_absent(e);
		err_clear(e);
		return 0;
	}
	*h = (struct host){ .hardware = keyfile_copy(&k, "HARDWARE"),
			    .machine = keyfile_copy(&k, "MACHINE"),
			    .address = keyfile_copy(&k, "ADDRESS") };
	return 1;
}

int host_is_known(const struct machine *m, struct err *e)
{
	cleanup(host_free) struct host h = { 0 };

	return host_read(m, &h, e);
}

/* Whether one fact differs; then it is appended to the sentence. */
static bool differs(const char *what, const char *was, const char *now, struct buf *sentence)
{
	if (!was || !now || strcmp(was, now) == 0)
		return false;
	buf_printf(sentence, "%s%s was %s and is %s", sentence->len ? ", " : "", what, was, now);
	return true;
}

static int count_changes(const struct host *was, const struct host *now, struct buf *sentence)
{
	return differs("its hardware UUID", was->hardware, now->hardware, sentence) +
	       differs("the hash of its machine-id", was->machine, now->machine, sentence) +
	       differs("its address", was->address, now->address, sentence);
}

int host_check(const struct machine *m, struct err *e)
{
	cleanup(host_free) struct host was = { 0 }, now = host_now(m);
	auto_buf struct buf sentence = { 0 };
	struct err unread = { 0 };

	/* A fault of this record must not stop a member. */
	if (host_read(m, &was, &unread) < 0)
		log_warn("this machine cannot be compared with the one that its member was set up on: %s", unread.msg);
	if (count_changes(&was, &now, &sentence) < 2)
		return 0;
	(void)err_set(e, ERR_CONFIG, "this machine is not the one that its member was set up on: %s",
		      buf_str(&sentence));
	return err_hint(e, "if the former machine never runs again: etcd-cluster setup --adopt-machine; if it does, "
			   "this one is a copy: switch it off");
}

int host_write(const struct machine *m, bool moved, struct err *e)
{
	cleanup(host_free) struct host was = { 0 }, now = host_now(m);
	auto_buf struct buf sentence = { 0 }, text = { 0 };
	int known = host_read(m, &was, e), rc;

	if (known < 0 && e->sys != 0)
		return -1;
	err_clear(e); /* a damaged one is replaced */
	if (was.address && !moved) {
		free(now.address);
		now.address = xstrdup(was.address);
	}
	buf_puts(&text, "# The machine that this member was set up on; written by etcd-cluster, see etcd-cluster(8), "
			"FILES.\n");
	if (keyfile_put(&text, "HARDWARE", now.hardware ? now.hardware : was.hardware, e) < 0 ||
	    keyfile_put(&text, "MACHINE", now.machine ? now.machine : was.machine, e) < 0 ||
	    keyfile_put(&text, "ADDRESS", now.address, e) < 0)
		return -1;
	rc = machine_write(m, m->at.host, FILE_MODE(0600), &text, e);
	if (rc > 0 && known > 0 && count_changes(&was, &now, &sentence) > 0)
		log_warn("the machine of this member has changed: %s; if the former machine runs, too, stop etcd on "
			 "one of them",
			 buf_str(&sentence));
	return rc;
}
