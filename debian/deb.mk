# The Debian package, built in a copy of the working tree, which stays clean.
# DEB_VERSION=0.1.1~test overrides the version of debian/changelog, to try upgrades.

DEB_COPY := build/deb/etcd-cluster
DEB_FILE := dist/etcd-cluster_$(or $(DEB_VERSION),$(shell sed '1s/.*(\(.*\)).*/\1/;q' debian/changelog))_$(shell \
	dpkg --print-architecture 2>/dev/null).deb
# All that the packages are made of; with directories, because a removed file changes only its directory. They end in
# "/.", because some have the name of a target.
TREE     := $(shell find . -mindepth 1 \( -path ./.git -o -path './build*' -o -path ./dist \) -prune -o \
	-type d -printf '%p/.\n' -o -print)

.PHONY: deb
deb: $(DEB_FILE) ## the Debian package (source and binary), in dist/
	$(Q)ls dist/etcd-cluster_*.deb
$(DEB_FILE): $(TREE)
	$(Q)rm -rf $(dir $(DEB_COPY)) && mkdir -p $(DEB_COPY) dist
	$(Q)tar --exclude=./.git --exclude=./build --exclude='./build-*' --exclude=./dist --mode=u+rwX,go+rX,go-w \
		--mtime=@$$(dpkg-parsechangelog -S Timestamp) -cf - . | tar -C $(DEB_COPY) -xpf -
	$(if $(DEB_VERSION),$(Q)sed -i '1s/(.*)/($(DEB_VERSION))/' $(DEB_COPY)/debian/changelog)
	$(Q)cd $(DEB_COPY) && DEB_BUILD_OPTIONS='nocheck $(DEB_BUILD_OPTIONS)' DEB_BUILD_PROFILES=nocheck \
		dpkg-buildpackage --no-sign --jobs=auto >../log 2>&1 || { tail -n 40 ../log; exit 1; }
	$(Q)mv $(dir $(DEB_COPY))*.deb $(dir $(DEB_COPY))*.dsc $(dir $(DEB_COPY))*.tar.* dist/
