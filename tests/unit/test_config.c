/* SPDX-License-Identifier: Apache-2.0
 *
 * config: defaults, every key, every refusal, drop-ins.
 */
#include "machine_fixture.h"

#include "config/check.h"
#include "config/default.h"

/* A machine with the host name node-1, before it reads cluster.conf: *state is its layout. */
static int node_setup(void **state)
{
	struct layout *at = xcalloc(1, sizeof(*at));
	int rc = root_setup(state);

	layout_init(at, root, NULL);
	put_file("/etc/hostname", "Node-1\n");
	*state = at;
	return rc;
}

static int node_teardown(void **state)
{
	layout_free(*state);
	free(*state);
	return root_teardown(state);
}

static void load(const struct layout *at, const char *text, struct config *c)
{
	put_file("/etc/etcd/cluster.conf", text);
	assert_ok(config_load(at, c, e));
}

static void defaults_apply_without_a_file(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	const struct layout *at = *state;

	assert_ok(config_load(at, &c, e)); /* there is no file at all */
	assert_int_equal(c.role, ROLE_SINGLE);
	assert_string_equal(c.name, "node-1");
	assert_string_equal(c.address, "127.0.0.1");
	assert_string_equal(c.cluster_token, "etcd-cluster");
	assert_null(c.release); /* no pinned table below this root */
	assert_false(c.release_given);
	assert_int_equal(strv_len(c.release_urls), 2);
	assert_string_equal(c.data_dir, "/var/lib/etcd-cluster");
	assert_null(c.wal_dir);
	assert_int_equal(c.client_port, 2379);
	assert_int_equal(c.peer_port, 2380);
	assert_string_equal(c.metrics_url, "http://127.0.0.1:2381");
	assert_int_equal(c.key_type, X509_ECDSA_P256);
	assert_int_equal(c.cert_days, 365);
	assert_int_equal(c.ca_days, 3650);
	assert_int_equal(c.renew_before_days, 120);
	assert_string_equal(c.backup_schedule, "");
	assert_string_equal(c.backup_dir, "/var/backups/etcd-cluster");
	assert_int_equal(c.backup_keep, 14);
	assert_int_equal(c.backup_days, 0);
	assert_false(c.backup_zstd);
	assert_int_equal(c.n_etcd, 0);
}

static void the_default_release_is_the_newest_3_6(void **state)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	cleanup(config_free) struct config c = { 0 };
	auto_buf struct buf table = { 0 };
	const struct layout *at = *state;

	for (const char *const *v = (const char *const[]){ "3.6.9", "3.6.14", "3.6.2", "3.5.30", "3.7.1", NULL }; *v;
	     v++)
		for (const char *const *arch = (const char *const[]){ "amd64", "arm64", "ppc64le", "s390x", NULL };
		     *arch; arch++)
			buf_printf(&table, "%s  etcd-v%s-linux-%s.tar.gz\n", zeros, *v, *arch);
	buf_printf(&table, "%s  etcd-v3.6.20-linux-mips.tar.gz\n%s  etcd-v3.6.21-rc.0-linux-amd64.tar.gz\nshort\n",
		   zeros, zeros);
	put_file("/usr/share/etcd-cluster/releases.sha256", table.data);
	load(at, "", &c);
	assert_string_equal(c.release, "3.6.14");
	assert_false(c.release_given);
}

static void every_key_is_read(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state,
	     "ROLE=cluster\nNAME=n3\nADDRESS=[FD00:0::3]\nADDRESSES=10.0.0.3,[FD00:0::33]\nMEMBERS=n1=10.0.0.1,n2="
	     "etcd2.example.com,n3=[fd00::3]\n"
	     "CLUSTER_TOKEN=prod.1\nJOIN=10.0.0.1,10.0.0.2:12379,[FD00::1],fd00::2,[fd00::3]:1\nENROLL_TOKEN_FILE=/etc/"
	     "etcd/token\nRELEASE=v3.5.30\n"
	     "RELEASE_URL=\"https://mirror.example.com:8443/etcd file:///srv/etcd "
	     "file:/srv/more /mnt/usb\"\nRELEASE_CA_FILE=/etc/ssl/my.pem\n"
	     "DATA_DIR=/srv/etcd\nWAL_DIR=/mnt/fast/wal\nCLIENT_PORT=12379\nPEER_PORT=12380\nMETRICS_URL=none\n"
	     "EXTRA_SANS=\"10.9.9.9, *.Etcd.example.com fd00::9 "
	     "10.9.9.9\"\nKEY_TYPE=ed25519\nCERT_DAYS=30\nCA_DAYS=90\n"
	     "RENEW_BEFORE_DAYS=7\nBACKUP_SCHEDULE=\"Mon..Fri 03:00\"\nBACKUP_KEEP=3,30d\n"
	     "BACKUP_DIR=/mnt/nas/etcd\nBACKUP_MOUNT=/mnt/nas\nBACKUP_COMPRESS=zstd\n"
	     "BACKUP_COMMAND=\"/usr/bin/rclone rcat far:{name}\"\nBACKUP_USER=_backup\nETCD_SNAPSHOT_COUNT=5000\n",
	     &c);
	assert_int_equal(c.role, ROLE_CLUSTER);
	assert_string_equal(c.address, "fd00::3");
	assert_int_equal(strv_len(c.addresses), 2);
	assert_string_equal(c.addresses[1], "fd00::33");
	assert_int_equal(c.n_members, 3);
	assert_string_equal(c.members[1].address, "etcd2.example.com");
	assert_string_equal(c.members[2].address, "fd00::3");
	assert_int_equal(strv_len(c.join), 5);
	assert_string_equal(c.join[1], "10.0.0.2");
	assert_int_equal(c.join_ports[0], 0);
	assert_int_equal(c.join_ports[1], 12379);
	assert_string_equal(c.join[2], "fd00::1");
	assert_string_equal(c.join[3], "fd00::2");
	assert_int_equal(c.join_ports[3], 0);
	assert_string_equal(c.join[4], "fd00::3");
	assert_int_equal(c.join_ports[4], 1);
	assert_string_equal(c.release, "3.5.30");
	assert_true(c.release_given);
	assert_int_equal(strv_len(c.release_urls), 4);
	assert_string_equal(c.metrics_url, "");
	assert_int_equal(strv_len(c.extra_sans), 3);
	assert_string_equal(c.extra_sans[1], "*.etcd.example.com");
	assert_int_equal(c.key_type, X509_ED25519);
	assert_int_equal(c.renew_before_days, 7);
	assert_string_equal(c.backup_schedule, "Mon..Fri 03:00");
	assert_int_equal(c.backup_keep, 3);
	assert_int_equal(c.backup_days, 30);
	assert_string_equal(c.backup_dir, "/mnt/nas/etcd");
	assert_string_equal(c.backup_mount, "/mnt/nas");
	assert_true(c.backup_zstd);
	assert_string_equal(c.backup_command, "/usr/bin/rclone rcat far:{name}");
	assert_string_equal(c.backup_user, "_backup");
	assert_string_equal(c.etcd[0].key, "ETCD_SNAPSHOT_COUNT");
	assert_string_equal(c.etcd[0].value, "5000");
	assert_non_null(strstr(c.etcd[0].where, "cluster.conf:29"));
}

static void an_empty_value_is_the_default(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "ROLE=\nNAME=\"\"\nADDRESS=\nCLIENT_PORT=\n", &c);
	assert_string_equal(c.name, "node-1");
	assert_int_equal(c.client_port, 2379);
}

static void short_lived_certificates_renew_at_a_third(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "CERT_DAYS=30\n", &c);
	assert_int_equal(c.renew_before_days, 10);
}

static void release_urls_can_be_forbidden(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "RELEASE_URL=none\n", &c);
	assert_null(c.release_urls);
}

static void the_machine_is_found_among_members(void **state)
{
	static const char *const texts[] = {
		"ROLE=cluster\nMEMBERS=n0=192.0.2.9,node-1=192.0.2.1\n",		    /* by host name */
		"ROLE=cluster\nMEMBERS=n0=192.0.2.9,node-1=192.0.2.1\nADDRESS=192.0.2.1\n", /* by address */
		"ROLE=cluster\nMEMBERS=n0=192.0.2.9,node-1=192.0.2.1\nNAME=node-1\n",	    /* by name */
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup(config_free) struct config c = { 0 };

		load(*state, texts[i], &c);
		assert_string_equal(c.name, "node-1");
		assert_string_equal(c.address, "192.0.2.1");
	}
}

static void the_machine_is_found_by_interface(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "ROLE=cluster\nMEMBERS=n1=192.0.2.1,n2=127.0.0.1\n", &c);
	assert_string_equal(c.name, "n2");
}

static void the_machine_is_found_by_a_name_that_resolves_here(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "ROLE=cluster\nMEMBERS=n1=192.0.2.1,n2=localhost\n", &c);
	assert_string_equal(c.name, "n2");
	assert_string_equal(c.address, "localhost");
}

/* A literal address decides before any name is resolved. */
static void a_literal_address_is_preferred(void **state)
{
	cleanup(config_free) struct config c = { 0 };

	load(*state, "ROLE=cluster\nMEMBERS=n1=nowhere.invalid,n2=127.0.0.1\n", &c);
	assert_string_equal(c.name, "n2");
}

static void an_unresolvable_name_is_pending(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	const struct layout *at = *state;

	put_file("/etc/etcd/cluster.conf", "ROLE=cluster\nMEMBERS=n1=192.0.2.1,n2=nowhere.invalid\n");
	assert_err(config_load(at, &c, e), ERR_PENDING, "nowhere.invalid cannot be resolved yet");
}

static void dropins_override_cluster_conf(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	const struct layout *at = *state;

	put_file("/etc/etcd/cluster.conf.d/20-b.conf", "CLIENT_PORT=3000\n");
	put_file("/etc/etcd/cluster.conf.d/10-a.conf", "CLIENT_PORT=2000\nPEER_PORT=2001\n");
	put_file("/etc/etcd/cluster.conf.d/30-c.conf.bak", "CLIENT_PORT=1\n");
	put_file("/etc/etcd/cluster.conf.d/.40-d.conf", "CLIENT_PORT=1\n");
	load(at, "CLIENT_PORT=1000\nNAME=main\n", &c);
	assert_int_equal(c.client_port, 3000);
	assert_int_equal(c.peer_port, 2001);
	assert_string_equal(c.name, "main");
}

static void mistakes_in_dropins_are_named(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	const struct layout *at = *state;

	put_file("/etc/etcd/cluster.conf.d/10-a.conf", "\nNAEM=x\n");
	assert_err(config_load(at, &c, e), ERR_CONFIG, "10-a.conf:2: unknown key NAEM; did you mean NAME");
}

static void the_file_of_the_config_option_must_exist(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	struct layout at;

	(void)state;
	layout_init(&at, NULL, "/nonexistent/my.conf");
	assert_err(config_load(&at, &c, e), ERR_CONFIG, "/nonexistent/my.conf");
	layout_free(&at);
}

/* A text and its refusal; the class is always ERR_CONFIG. */
static void mistakes_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "role=single\n", "cluster.conf:1: unknown key role; did you mean ROLE" },
		{ "DATADIR=/srv/e\n", "did you mean DATA_DIR" },
		{ "FLAVOUR=x\n", "unknown key FLAVOUR" },
		{ "ROLE=singel\n", "is not single, cluster, join or none" },
		{ "ROLE=cluster\n", "needs MEMBERS" },
		{ "ROLE=join\n", "needs JOIN" },
		{ "JOIN=10.0.0.1:0\n", "has a port that is not a number" },
		{ "JOIN=[fd00::3]:70000\n", "has a port that is not a number" },
		{ "JOIN=10.0.0.1:\n", "has a port that is not a number" },
		{ "NAME=my_host\n", "write a hyphen" },
		{ "NAME=Node\n", "lower case" },
		{ "NAME=-a\n", "begins with a hyphen" },
		{ "NAME=a-\n", "ends in a hyphen" },
		{ "NAME=a..b\n", "empty part" },
		{ "NAME=a.\n", "empty part" },
		{ "NAME=10.0.0.1\n", "not a name" },
		{ "NAME=\"a b\"\n", "not a letter, digit" },
		{ "NAME=a23456789b123456789c123456789d123456789e123456789f123456789g1234\n", "longer than 63" },
		{ "ADDRESS=0.0.0.0\n", "unspecified" },
		{ "ADDRESS=[::]\n", "unspecified" },
		{ "ADDRESSES=etcd.example.org\n", "which is not an IP address" },
		{ "ADDRESSES=10.0.0.1,0.0.0.0\n", "unspecified" },
		{ "ADDRESSES=10.0.0.2\nROLE=cluster\nNAME=n1\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2\n",
		  "ADDRESSES and MEMBERS have the same address" },
		{ "ADDRESSES=10.0.0.9\nEXTRA_SANS=10.0.0.9\n", "ADDRESSES and EXTRA_SANS have the same address" },
		{ "ADDRESS=10.0.0.1:2379\n", "has a port" },
		{ "ADDRESS=10.0.0.256\n", "four numbers" },
		{ "ADDRESS=10.0.0\n", "four numbers" },
		{ "ADDRESS=10.0.0.01\n", "four numbers" },
		{ "ADDRESS=fe80::1%eth0\n", "zone" },
		{ "ADDRESS=fe80::1\n", "link-local" },
		{ "ADDRESS=::ffff:10.0.0.1\n", "write the IPv4 address" },
		{ "ADDRESS=fd00:::1\n", "is not an IPv6 address" },
		{ "ADDRESS=224.0.0.1\n", "multicast" },
		{ "ADDRESS=https://a\n", "has a slash" },
		{ "ADDRESS=10.0.0.1/24\n", "has a slash" },
		{ "ADDRESS=a_b.example.com\n", "underscore" },
		{ "MEMBERS=n1\n", "an entry is NAME=ADDRESS" },
		{ "MEMBERS=,\n", "has no entry" },
		{ "MEMBERS=n1=10.0.0.1,n1=10.0.0.2\n", "the name n1 twice" },
		{ "MEMBERS=n1=10.0.0.1,n2=10.0.0.1\n", "the address 10.0.0.1 twice" },
		{ "MEMBERS=n1=[fd00::1],n2=fd00:0::1\n", "the address fd00::1 twice" },
		{ "MEMBERS=n_1=10.0.0.1\n", "whose name has an underscore" },
		{ "MEMBERS=n1=10.0.0.1:2380\n", "whose address has a port" },
		{ "MEMBERS=a=10.0.0.1,b=10.0.0.2,c=10.0.0.3,d=10.0.0.4,e=10.0.0.5,f=10.0.0.6,g=10.0.0.7,h=10.0.0.8\n",
		  "more than 7" },
		{ "ROLE=cluster\nMEMBERS=x=192.0.2.1\nNAME=y\n", "none of MEMBERS is this machine" },
		{ "ROLE=cluster\nMEMBERS=x=192.0.2.1\nNAME=x\nADDRESS=192.0.2.2\n", "different addresses" },
		{ "CLUSTER_TOKEN=\"a b\"\n", "other than letters" },
		{ "RELEASE=latest\n", "is not a version such as 3.6.14" },
		{ "RELEASE=3.6\n", "is not a version such as 3.6.14" },
		{ "RELEASE=3.5.1\n", "can lose data" },
		{ "RELEASE=3.3.27\n", "only etcd 3.4 to 3.7" },
		{ "RELEASE_URL=ftp://x/y\n", "begins with none of" },
		{ "RELEASE_URL=https://u:p@x/y\n", "must not hold a password" },
		{ "RELEASE_URL=https:///y\n", "no valid host name" },
		{ "RELEASE_URL=https://x:99999/y\n", "has a port that is not" },
		{ "RELEASE_URL=file:x\n", "no absolute path" },
		{ "RELEASE_URL=file://host/x\n", "no absolute path" },
		{ "RELEASE_URL=/srv/../etc\n", ". or .." },
		{ "RELEASE_CA_FILE=ca.pem\n", "is not an absolute path" },
		{ "DATA_DIR=var/lib/x\n", "is not an absolute path" },
		{ "DATA_DIR=/\n", "where other things live" },
		{ "DATA_DIR=/var/lib\n", "where other things live" },
		{ "DATA_DIR=/etc/etcd/data\n", "belongs to the system" },
		{ "DATA_DIR=/usr/local/etcd\n", "belongs to the system" },
		{ "DATA_DIR=/run/etcd\n", "emptied at boot" },
		{ "DATA_DIR=/tmp\n", "emptied at boot" },
		{ "DATA_DIR=/home/me/etcd\n", "ProtectHome" },
		{ "DATA_DIR=/srv/etcd/\n", "ends in a slash" },
		{ "DATA_DIR=/srv//etcd\n", "two slashes" },
		{ "DATA_DIR=/srv/./etcd\n", ". or .." },
		{ "DATA_DIR=/srv/et%cd\n", "other than letters" },
		{ "WAL_DIR=/var/lib/etcd-cluster\n", "WAL_DIR and DATA_DIR overlap" },
		{ "WAL_DIR=/var/lib/etcd-cluster/member/wal\n", "leave WAL_DIR out" },
		{ "WAL_DIR=/srv/a\nDATA_DIR=/srv/a/b\n", "overlap" },
		{ "CLIENT_PORT=0\n", "from 1 to 65535" },
		{ "CLIENT_PORT=65536\n", "from 1 to 65535" },
		{ "CLIENT_PORT=+1\n", "from 1 to 65535" },
		{ "CLIENT_PORT=2380\n", "same port" },
		{ "PEER_PORT=2381\n", "METRICS_URL and PEER_PORT have the same port" },
		{ "METRICS_URL=https://127.0.0.1:1\n", "begin with http://" },
		{ "METRICS_URL=http://127.0.0.1\n", "http://ADDRESS:PORT" },
		{ "METRICS_URL=http://127.0.0.1:1/x\n", "http://ADDRESS:PORT" },
		{ "METRICS_URL=http://example.com:1\n", "address of this machine" },
		{ "METRICS_URL=http://[::1:9\n", "http://ADDRESS:PORT" },
		{ "EXTRA_SANS=a_b\n", "underscore" },
		{ "EXTRA_SANS=a.*.b\n", "not a letter" },
		{ "KEY_TYPE=rsa\n", "is not ecdsa-p256" },
		{ "CERT_DAYS=0\n", "from 2 to 3650" },
		{ "CERT_DAYS=3651\n", "from 2 to 3650" },
		{ "CERT_DAYS=400\nCA_DAYS=399\n", "must not outlive" },
		{ "RENEW_BEFORE_DAYS=365\n", "due for renewal at once" },
		{ "BACKUP_SCHEDULE=daily%\n", "has a character that no calendar event has" },
		{ "BACKUP_KEEP=0\n", "from 1 to 1000" },
		{ "BACKUP_KEEP=14,30\n", "as 14,30d" },
		{ "BACKUP_KEEP=14,0d\n", "as 14,30d" },
		{ "BACKUP_KEEP=14,d\n", "as 14,30d" },
		{ "BACKUP_KEEP=,30d\n", "as 14,30d" },
		{ "BACKUP_DIR=backups\n", "BACKUP_DIR=backups" },
		{ "BACKUP_DIR=/home/me\n", "cannot see" },
		{ "BACKUP_DIR=/var/lib/etcd-cluster/backups\n", "must not be lost with the data" },
		{ "BACKUP_MOUNT=/mnt/nas\n", "is not below that mount point" },
		{ "BACKUP_COMPRESS=gzip\n", "is not zstd or none" },
		{ "BACKUP_COMMAND=rclone\nBACKUP_USER=a\n", "absolute path" },
		{ "BACKUP_COMMAND=/bin/true\n", "BACKUP_COMMAND and BACKUP_USER belong together" },
		{ "BACKUP_USER=a:b\n", "has a character other than letters" },
		{ "ETCD_=x\n", "names no option" },
		{ "ETCD_Name=x\n", "upper case" },
		{ "ETCD_NAME=x\n", "it is made from NAME" },
		{ "ETCD_DATA_DIR=/srv/x\n", "DATA_DIR; set that instead" },
		{ "ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379\n", "ADDRESS and CLIENT_PORT" },
		{ "ETCD_CERT_FILE=/x\n", "etcd-cluster's to issue" },
		{ "ETCD_CLIENT_CERT_AUTH=false\n", "without a certificate" },
		{ "ETCD_PEER_CLIENT_CERT_AUTH=\n", "without a certificate" },
		{ "ETCD_AUTO_TLS=true\n", "throw-away" },
		{ "ETCD_PROXY=on\n", "instead of a member" },
		{ "ETCD_PEER_CERT_ALLOWED_CN=x\n", "out of the peer port" },
		{ "ETCD_FORCE_NEW_CLUSTER=true\n", "at every start" },
		{ "ETCD_CONFIG_FILE=/etc/x\n", "ignore everything else" },
		{ "ETCD_LISTEN_CLIENT_HTTP_URLS=https://a:1,http://b:1\n", "without TLS" },
	};
	const struct layout *at = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(config_free) struct config c = { 0 };

		put_file("/etc/etcd/cluster.conf", cases[i].text);
		assert_err(config_load(at, &c, e), ERR_CONFIG, cases[i].message);
	}
}

/* While the network of the machine is not up, its address may still come. */
static void a_machine_that_is_not_in_members_may_lack_its_network(void **state)
{
	cleanup(config_free) struct config c = { 0 };
	auto_free char *gap = config_network_gap();
	const struct layout *at = *state;

	put_file("/etc/etcd/cluster.conf", "ROLE=cluster\nMEMBERS=x=192.0.2.1\n");
	assert_err(config_load(at, &c, e), gap ? ERR_PENDING : ERR_CONFIG,
		   "cluster.conf:2: none of MEMBERS is this machine, which is called node-1");
}

static void an_unusable_host_name_gets_a_hint(void **state)
{
	cleanup(config_free) struct config c = { 0 }, named = { 0 }, shortened = { 0 }, idle = { 0 };
	const struct layout *at = *state;

	put_file("/etc/hostname", "# the host\nmy_host\n");
	assert_err(config_load(at, &c, e), ERR_CONFIG, "write NAME=");
	put_file("/etc/hostname", "db1.a-very-long-name-of-a-department.a-very-long-name-of-a-company.example.com\n");
	assert_ok(config_load(at, &shortened, e));
	assert_string_equal(shortened.name, "db1");
	put_file("/etc/hostname", "my_host\n");
	load(at, "NAME=my-host\n", &named);
	load(at, "ROLE=none\n", &idle);
	assert_int_equal(idle.role, ROLE_NONE);
	assert_string_equal(named.name, "my-host");
}

static void urls_are_built_and_addresses_recognised(void **state)
{
	auto_free char *v4 = config_url("10.0.0.1", 2379), *v6 = config_url("fd00::3", 2380);

	(void)state;
	assert_string_equal(v4, "https://10.0.0.1:2379");
	assert_string_equal(v6, "https://[fd00::3]:2380");
	assert_true(config_is_ip("::1"));
	assert_false(config_is_ip("[::1]"));
	assert_false(config_is_ip("fe80::1%lo"));
	assert_false(config_is_ip("localhost"));
	assert_true(config_is_loopback("127.8.0.1"));
	assert_true(config_is_loopback("::1"));
	assert_true(config_is_loopback("::ffff:127.0.0.1"));
	assert_false(config_is_loopback("128.0.0.1"));
	assert_false(config_is_loopback("127.example.org"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_apply_without_a_file),
		TEST(the_default_release_is_the_newest_3_6),
		TEST(every_key_is_read),
		TEST(an_empty_value_is_the_default),
		TEST(short_lived_certificates_renew_at_a_third),
		TEST(release_urls_can_be_forbidden),
		TEST(the_machine_is_found_among_members),
		TEST(the_machine_is_found_by_interface),
		TEST(the_machine_is_found_by_a_name_that_resolves_here),
		TEST(a_literal_address_is_preferred),
		TEST(an_unresolvable_name_is_pending),
		TEST(dropins_override_cluster_conf),
		TEST(mistakes_in_dropins_are_named),
		TEST(the_file_of_the_config_option_must_exist),
		TEST(mistakes_are_refused),
		TEST(a_machine_that_is_not_in_members_may_lack_its_network),
		TEST(an_unusable_host_name_gets_a_hint),
		cmocka_unit_test(urls_are_built_and_addresses_recognised),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
