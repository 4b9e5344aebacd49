# SPDX-License-Identifier: Apache-2.0
# For ufw(8), when cluster.conf has other ports, edit them here: ufw app update etcd-client
[etcd-client]
title=etcd, clients
description=Clients of etcd, with mutual TLS
ports=2379/tcp

[etcd-peer]
title=etcd, members
description=Other members of the cluster, with mutual TLS
ports=2380/tcp

[etcd-enroll]
title=etcd, enrolment
description=Machines that get their certificates from this CA host
ports=2382/tcp
