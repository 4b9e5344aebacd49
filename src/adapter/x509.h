/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#ifndef ADAPTER_X509_H
#define ADAPTER_X509_H

/* Order and names: x509_key_type_name(). */
enum x509_key_type { X509_ECDSA_P256, X509_ECDSA_P384, X509_RSA_2048, X509_RSA_4096, X509_ED25519 };

#endif
