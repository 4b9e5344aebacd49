# A release of etcd as a deb and an rpm, for machines without a way to the internet (bundle/make says how).

.PHONY: bundle
bundle: build ## RELEASE_TARBALL= [BUNDLE_DIGESTS=]: that release as etcd-cluster-release, deb and rpm, in dist/
	$(Q)ETCD_CLUSTER=$(BIN) bundle/make '$(RELEASE_TARBALL)' '$(BUNDLE_DIGESTS)' dist
