/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/profile.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "adapter/x509.h"
#include "base/text.h"

#define MAX_CN 64 /* RFC 5280, ub-common-name */

/*
 * etcdadm's file names. server and peer have clientAuth, too: etcd's JSON gateway dials itself with the server
 * certificate, members dial each other with the peer certificate. CN=root is the first user of etcd's RBAC; the CNs of
 * the other two are kubeadm's.
 */
static const struct pki_profile profiles[] = {
	[PKI_SERVER] = { .name = "server", .verb = "server", .server = true, .shared = true, .needed = true },
	[PKI_PEER] = { .name = "peer", .verb = "peer", .cn = PKI_PEER_CN, .server = true, .needed = true },
	[PKI_ETCDCTL] = { .name = "etcdctl-etcd-client", .verb = "client", .cn = "root", .needed = true },
	[PKI_HEALTHCHECK] = { .name = "healthcheck-client",
			      .verb = "healthcheck",
			      .cn = "kube-etcd-healthcheck-client" },
	[PKI_APISERVER] = { .name = "apiserver-etcd-client", .verb = "apiserver", .cn = "kube-apiserver-etcd-client" },
};
static_assert(ARRAY_LEN(profiles) == PKI_LEAVES, "one line for each leaf");

const struct pki_profile *pki_profile(int leaf)
{
	return &profiles[leaf];
}

const char *pki_check_cn(const char *cn)
{
	const char first[] = { cn[0], '\0' };

	if (cn[0] && strlen(cn) <= MAX_CN && text_is_word(first, "") && text_is_word(cn, "._@:-"))
		return NULL;
	return "has not 1 to 64 letters, digits or ._@:- of which the first is a letter or digit";
}

bool pki_is_profile_cn(const char *cn)
{
	for (const struct pki_profile *p = profiles; p < profiles + PKI_LEAVES; p++)
		if (p->cn && strcasecmp(p->cn, cn) == 0)
			return true;
	return false;
}

static void add(char ***sans, const char *san)
{
	auto_free char *text = x509_san(san);

	strv_add_once(sans, text);
}

/* A name that is too long for a CN is cut to its first label (at most 63 letters): clients compare the SANs. */
static char *host_cn(const char *name)
{
	return strlen(name) <= MAX_CN ? xstrdup(name) : xstrndup(name, strcspn(name, "."));
}

struct pki_want pki_want(const char *name, const char *address, char *const *addresses, char *const *sans,
			 const struct pki_profile *profile)
{
	struct pki_want want = { .cn = profile->cn ? xstrdup(profile->cn) : host_cn(name), .server = profile->server };

	if (!profile->server)
		return want;
	add(&want.sans, name);
	add(&want.sans, "localhost");
	add(&want.sans, "127.0.0.1");
	add(&want.sans, "::1");
	if (address)
		add(&want.sans, address);
	for (; addresses && *addresses; addresses++)
		add(&want.sans, *addresses);
	for (; profile->shared && sans && *sans; sans++)
		add(&want.sans, *sans);
	strv_sort(want.sans);
	return want;
}

void pki_want_free(struct pki_want *want)
{
	free(want->cn);
	strv_free(want->sans);
	*want = (struct pki_want){ 0 };
}

struct file_mode pki_key_mode(const struct machine *m, bool for_etcd)
{
	if (for_etcd)
		return machine_mode_group(m, 0640);
	return (struct file_mode){ .mode = 0600, .uid = geteuid(), .gid = getegid() };
}

struct file_mode pki_cert_mode(void)
{
	return (struct file_mode){ .mode = 0644, .uid = geteuid(), .gid = getegid() };
}
