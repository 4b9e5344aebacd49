# A release of etcd as a deb and an rpm, for machines without internet (see bundle/make).

.PHONY: bundle
bundle: build ## RELEASE_TARBALL= [BUNDLE_DIGESTS=]: a release as etcd-cluster-release, deb and rpm, in dist/
	$(Q)ETCD_CLUSTER=$(BIN) bundle/make '$(RELEASE_TARBALL)' '$(BUNDLE_DIGESTS)' dist
