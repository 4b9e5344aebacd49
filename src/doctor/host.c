/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/text.h"
#include "cluster/mark.h"
#include "config/check.h"
#include "config/default.h"
#include "doctor/parts.h"
#include "member/datadir.h"
#include "member/endpoint.h"

#define MIB (1ULL << 20)

/*
 * etcd makes two log segments of 64 MB ahead of use (server/storage/wal, SegmentSizeBytes), and then needs room for
 * its database.
 */
#define SPACE_FIRST (160 * MIB)
#define SPACE_LOW   (256 * MIB)
#define SPACE_LEAST (64 * MIB) /* the next segment: without it etcd ends when the last one is full */

/* etcd's guide: 99 of 100 log writes within 10 ms (op-guide/hardware.md). */
#define FSYNC_P99_MS 10.0

/* 2025-01-01. A clock before it belongs to a machine without a battery: no certificate would be valid yet. */
#define CLOCK_SANE 1735689600

/* --- Ports and addresses. */

/* What etcd will listen on: etcd.env decides, before it is there cluster.conf does. A strv that the caller frees. */
static char **listen_urls(const struct machine *m)
{
	static const char *const keys[] = { "ETCD_LISTEN_CLIENT_URLS", "ETCD_LISTEN_PEER_URLS",
					    "ETCD_LISTEN_METRICS_URLS" };
	auto_keyfile struct keyfile env = { 0 };
	auto_free char *client = config_url(m->conf.address, m->conf.client_port);
	auto_free char *peer = config_url(m->conf.address, m->conf.peer_port);
	const char *const fallback[] = { client, peer, m->conf.metrics_url };
	struct err ignored = { 0 };
	bool have = keyfile_read(m->at.etcd_env, &env, &ignored) == 0;
	char **urls = NULL;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = have ? keyfile_get(&env, keys[i]) : fallback[i];
		auto_strv char **parts = value ? text_split(value, BLANKS ",") : NULL;

		strv_add_all(&urls, parts);
	}
	return urls;
}

/* True when this one is in order. */
static bool check_port(const char *url, pid_t own, struct doctor_report *r)
{
#define OR_SET "or set CLIENT_PORT, PEER_PORT or METRICS_URL in cluster.conf"
	auto_free char *host = NULL;
	struct probe_holder who;
	enum probe_port state;
	uint16_t port;

	if (!endpoint_split(url, &host, &port) || !config_is_ip(host))
		return true; /* a DNS name: check_address resolves it */
	state = probe_port(host, port, &who);
	if (state == PROBE_PORT_NOT_LOCAL) {
		/* An unplugged cable takes the addresses along (systemd-networkd), and DHCP brings them late. */
		auto_free char *gap = config_network_gap();

		doctor_bad(r, gap ? ERR_PENDING : ERR_CONFIG, "address_not_local",
			   "%s is not an address of this machine%s%s, so etcd cannot listen on %s -> ip address shows "
			   "which are; set ADDRESS in cluster.conf, then etcd-cluster setup",
			   host, gap ? ", " : "", gap ? gap : "", url);
		return false;
	}
	/* Not knowing who has it, while our etcd runs: it is our etcd. */
	if (state != PROBE_PORT_TAKEN || (own != 0 && (who.pid == own || who.pid == 0)))
		return true;
	if (who.pid == 0 && geteuid() != 0)
		doctor_warn(r, DOCTOR_NOT_ROOT,
			    "%s is in use, and only root sees by which program -> sudo etcd-cluster check", url);
	else if (who.pid == 0)
		doctor_bad(r, ERR_CONFIG, "port_taken",
			   "%s is taken by another program -> ss -tlnp shows which; stop it, " OR_SET, url);
	else
		doctor_bad(r, ERR_CONFIG, "port_taken", "%s is taken by %s (process %d) -> stop %s, " OR_SET, url,
			   who.name, (int)who.pid, who.name);
	return false;
}

/* An ADDRESS that is a name must resolve to this machine. */
static void check_address(const struct machine *m, struct doctor_report *r)
{
	const char *name = m->conf.address;
	struct probe_holder ignored;
	struct err e = { 0 };
	auto_strv char **found = NULL;

	if (config_is_ip(name))
		return;
	found = probe_resolve(name, &e);
	if (!found) {
		(void)err_hint(&e, "add it to DNS or /etc/hosts, or set ADDRESS in cluster.conf");
		doctor_error(r, "address_unresolved", &e);
		return;
	}
	for (char **ip = found; *ip; ip++) {
		if (probe_port(*ip, 0, &ignored) != PROBE_PORT_NOT_LOCAL) {
			doctor_ok(r, "address_resolved", "the name %s resolves to this machine (%s)", name, *ip);
			return;
		}
	}
	doctor_bad(r, ERR_CONFIG, "address_elsewhere",
		   "the name %s resolves to %s, which is not this machine -> correct DNS or /etc/hosts, or set ADDRESS "
		   "in cluster.conf",
		   name, found[0]);
}

void doctor_ports(const struct machine *m, pid_t own, struct doctor_report *r)
{
	auto_strv char **urls = listen_urls(m);
	auto_buf struct buf good = { 0 };

	check_address(m, r);
	for (char **url = urls; url && *url; url++)
		if (check_port(*url, own, r))
			buf_printf(&good, " %s", *url);
	if (good.len > 0)
		doctor_ok(r, own != 0 ? "ports_own" : "ports_free",
			  own != 0 ? "etcd listens on%s" : "free to listen on:%s", buf_str(&good));
}

/* --- Disk and clock. */

static bool has_log(const struct machine *m)
{
	uint64_t cluster, member;
	struct err unread = { 0 };

	return datadir_look(m, &cluster, &member, &unread) > 0;
}

void doctor_space(const struct machine *m, struct doctor_report *r)
{
	const bool has_data = r->running || has_log(m);
#define MAKE_ROOM "make room there, or set DATA_DIR in cluster.conf"
	const char *const dirs[] = { m->conf.data_dir, m->conf.wal_dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs) && dirs[i]; i++) {
		auto_free char *dir = layout_path(&m->at, dirs[i]);
		unsigned long long bytes = 0;
		struct err e = { 0 };

		if (file_free_space(dir, &bytes, &e) < 0)
			doctor_error(r, "space_unknown", &e);
		else if (bytes >= SPACE_LOW)
			doctor_ok(r, "space_enough", "%llu MiB are free for %s", bytes / MIB, dir);
		else if (bytes < SPACE_FIRST && !has_data)
			doctor_bad(r, ERR_CONFIG, "space_low",
				   "only %llu MiB are free for %s; etcd needs %llu MiB to start -> " MAKE_ROOM,
				   bytes / MIB, dir, SPACE_FIRST / MIB);
		else if (bytes < SPACE_LEAST)
			doctor_bad(r, ERR_HEALTH, "space_low",
				   "only %llu MiB are free for %s; etcd ends when it cannot make the next %llu MiB of "
				   "its log -> make room there",
				   bytes / MIB, dir, SPACE_LEAST / MIB);
		else
			doctor_warn(r, "space_low", "only %llu MiB are free for %s -> " MAKE_ROOM, bytes / MIB, dir);
	}
}

static void check_disk(const struct machine *m, struct doctor_report *r)
{
	auto_free char *dir = layout_path(&m->at, m->conf.wal_dir ? m->conf.wal_dir : m->conf.data_dir);
	struct probe_disk d;
	struct err ignored = { 0 };

	if (!file_is_dir(dir) || probe_disk(dir, &d, &ignored) < 0)
		return; /* not there yet, or not for us: other findings say so */
	if (d.p99_ms > FSYNC_P99_MS)
		doctor_warn(r, "disk_slow",
			    "the disk of %s is slow: 99 of 100 writes reach it within %.1f ms (median %.1f ms, %u "
			    "writes) -> put DATA_DIR or WAL_DIR on a faster disk; etcd wants less than %.0f ms (its "
			    "guide, Hardware: Disks)",
			    dir, d.p99_ms, d.median_ms, d.writes, FSYNC_P99_MS);
	else
		doctor_ok(r, "disk_fast", "the disk of %s is fast enough: 99 of 100 writes reach it within %.1f ms",
			  dir, d.p99_ms);
}

static void check_clock(const struct machine *m, struct doctor_report *r)
{
	if (m->now < CLOCK_SANE)
		doctor_bad(r, ERR_CONFIG, "clock_wrong",
			   "the clock is wrong: it is before 2025 -> timedatectl set-ntp true, or date --set=TIME");
	else if (probe_clock_synced() == 0)
		doctor_warn(r, "clock_unsynchronised",
			    "no time service synchronises the clock -> timedatectl set-ntp true (or install "
			    "chrony); certificates and leases depend on the time");
	else
		doctor_ok(r, "clock_plausible", "the clock is plausible");
}

/* --- Other etcds. */

static void check_others(const struct machine *m, struct doctor_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	auto_free char *unit = layout_path(&m->at, "/etc/systemd/system/etcd.service");
	auto_free char *package = layout_path(&m->at, "/usr/share/doc/etcd-server");
	struct probe_others others;

	(void)probe_etcd(data, &others);
	if (others.n > 0)
		doctor_warn(r, "other_etcd", "%u other etcd run%s here (process %d) -> ps -fp %d", others.n,
			    others.n == 1 ? "s" : "", (int)others.first, (int)others.first);
	if (file_exists(unit))
		doctor_warn(r, "unit_overridden",
			    "%s overrides the etcd.service of this package -> systemctl revert etcd.service", unit);
	if (file_exists(package))
		doctor_warn(r, "other_package", "the package etcd-server is installed, too -> apt remove etcd-server");
}

void doctor_host(const struct machine *m, struct doctor_report *r)
{
	auto_free char *twins = mark_twins(m);

	check_disk(m, r);
	check_clock(m, r);
	check_others(m, r);
	if (twins)
		doctor_warn(r, "machine_id_shared",
			    "%s and this machine have the same machine-id, as copies of one disk do -> "
			    "rm /etc/machine-id && systemd-machine-id-setup, and reboot",
			    twins);
}
