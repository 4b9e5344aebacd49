/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Kubernetes control plane has to be told about this cluster.
 */
#pragma once

#include "config/machine.h"

/*
 * Appends the `etcd:` part of kubeadm's ClusterConfiguration: the client URLs of all voting members, as the members know them, or, when none
 * answers, as cluster.conf does; and where the files of pki_export (pki/export.h) are to lie on the control plane.
 */
void cmd_kubeadm(const struct machine *m, struct buf *out);
