# The source tarball and the rpm packages. rpmbuild builds them from the tarball, as on Fedora.
# RPM_VERSION=0.1.1 overrides the version of the spec, to try upgrades.

RPM_VERSION  ?= $(VERSION)
RPM_TOP      := build/rpm
DIST_NAME    := etcd-cluster-$(RPM_VERSION)
RPM_FILE     := dist/$(DIST_NAME)-1.$(shell uname -m).rpm
# The first second of the day of the last change in the spec, so that the build time is in no file.
RPM_DAY       = $(shell sed -n '/^%changelog/{n;s/^\* \(... ... [0-9]* [0-9]*\) .*/\1/p}' rpm/etcd-cluster.spec)
RPM_EPOCH     = $(shell LC_ALL=C date -u -d '$(RPM_DAY) 00:00 UTC' +%s)

# rpm 4.18 has all of these off; 4.20 has build_mtime_policy instead of the clamp. The deb does not have the links by
# build id, which are for debuggers.
RPM_REPRODUCIBLE = --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
	--define 'build_mtime_policy clamp_to_source_date_epoch' --define '_buildhost localhost' \
	--define '_build_id_links none' --define '_docdir_fmt %%{NAME}'
# The shell that compiles expands $$PWD, because the package records the flags. rpm/stub-libcurl makes the stub.
RPM_FLAGS = --define 'optflags -Os -g -fno-asynchronous-unwind-tables -ffile-prefix-map=$$PWD=.' \
	--define 'build_ldflags -L%{_topdir}/stub'
# Debian's brp-compress has #!/bin/sh but needs bash to compress the manual pages. Its brp-strip keeps the symbols, which
# another script removes on Fedora.
RPM_POST = --define '__os_install_post bash /usr/lib/rpm/brp-compress /usr && \
	strip --remove-section=.comment %{buildroot}%{_sbindir}/etcd-cluster'

.PHONY: dist rpm
dist: dist/$(DIST_NAME).tar.gz ## the source tarball, in dist/; `rpmbuild -ta` builds it on Fedora, EL and SUSE
dist/$(DIST_NAME).tar.gz: $(TREE) # debian/deb.mk
	$(Q)rm -rf $(RPM_TOP)/dist && mkdir -p $(RPM_TOP)/dist/$(DIST_NAME) dist
	$(Q)tar --exclude=./.git --exclude=./build --exclude='./build-*' --exclude=./dist -cf - . | \
		tar -C $(RPM_TOP)/dist/$(DIST_NAME) -xf -
	$(Q)sed 's/%/%%/g' scripts/foreign >$(RPM_TOP)/foreign # rpm expands macros in scriptlets
	$(Q)sed -i -e 's/^\(Version: *\).*/\1$(RPM_VERSION)/' -e '/^# @foreign@$$/r $(RPM_TOP)/foreign' \
		$(RPM_TOP)/dist/$(DIST_NAME)/rpm/etcd-cluster.spec
	$(Q)tar -C $(RPM_TOP)/dist --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w \
		--mtime=@$(RPM_EPOCH) --format=gnu -cf - $(DIST_NAME) | gzip -9n >dist/$(DIST_NAME).tar.gz
	$(Q)chmod 0644 dist/$(DIST_NAME).tar.gz # the mode in the source package

rpm: $(RPM_FILE) ## the rpm packages (source and binary), in dist/
	$(Q)ls dist/$(DIST_NAME)-*.rpm
# --nodeps: rpm does not know the installed packages of Debian. `make deps` installs them.
$(RPM_FILE): dist/$(DIST_NAME).tar.gz $(LIB)
	$(Q)rpm/stub-libcurl $(LIB) $(RPM_TOP)/stub
	$(Q)install -m 0644 dist/$(DIST_NAME).tar.gz $(RPM_TOP)/
	$(Q)umask 022 && MAKEFLAGS= SOURCE_DATE_EPOCH=$(RPM_EPOCH) TZ=UTC LC_ALL=C rpm/at-mnt $(CURDIR)/$(RPM_TOP) \
		rpmbuild -ta --nodeps --without check --define '_topdir %{getenv:PWD}' $(RPM_REPRODUCIBLE) $(RPM_FLAGS) $(RPM_POST) \
		$(DIST_NAME).tar.gz >$(RPM_TOP)/log 2>&1 || { tail -n 40 $(RPM_TOP)/log; exit 1; }
	$(Q)mv $(RPM_TOP)/RPMS/*/*.rpm $(RPM_TOP)/SRPMS/*.rpm dist/
