# The only list of installed files, for both packages.

PKGLIBEXECDIR := $(LIBEXECDIR)/etcd-cluster
PKGDATADIR    := $(DATADIR)/etcd-cluster
UNITS         := $(wildcard conf/units/*)
EXAMPLES      := $(wildcard docs/examples/*)
DOCS          := NEWS.md $(wildcard docs/*.md)
MAN           := $(wildcard docs/*.[1-8])
# Empty directories: drop-ins and digests of the administrator, and unpacked releases.
EMPTY_DIRS    := $(SYSCONFDIR)/etcd/cluster.conf.d $(SYSCONFDIR)/etcd/releases.sha256.d \
                 $(SYSCONFDIR)/etcd/release-keys.d $(PKGLIBEXECDIR)/releases
# Links into `current`, which setup creates; dangling until then.
PAYLOAD       := etcd etcdctl etcdutl

D = $(DESTDIR)

.PHONY: install
install: build ## install into DESTDIR
	$(Q)install -D -m 0755 $(BIN) $(D)$(SBINDIR)/etcd-cluster
	$(Q)install -d $(EMPTY_DIRS:%=$(D)%) $(D)$(BINDIR) $(D)$(UNITDIR)
	$(Q)install -m 0755 scripts/hook scripts/etcdctl.sh scripts/bug-report $(D)$(PKGLIBEXECDIR)
	$(Q)install -D -m 0644 -t $(D)$(PKGDATADIR) conf/cluster.conf conf/releases.sha256 \
		conf/status.schema.json conf/adopt.schema.json
	$(Q)install -m 0644 $(UNITS) $(D)$(UNITDIR)
	$(Q)[ $(SBINDIR) = /usr/sbin ] || \
		sed -i 's,/usr/sbin/etcd-cluster,$(SBINDIR)/etcd-cluster,' $(UNITS:conf/units/%=$(D)$(UNITDIR)/%)
	$(Q)install -D -m 0644 conf/90-etcd-cluster.preset $(D)$(PRESETDIR)/90-etcd-cluster.preset
	$(Q)install -D -m 0644 conf/sysusers.conf $(D)$(SYSUSERSDIR)/etcd-cluster.conf
	$(Q)install -D -m 0644 conf/tmpfiles.conf $(D)$(TMPFILESDIR)/etcd-cluster.conf
	$(Q)install -D -m 0644 conf/needrestart.conf $(D)$(SYSCONFDIR)/needrestart/conf.d/etcd-cluster.conf
	$(Q)install -D -m 0644 conf/ufw.profile $(D)$(UFWDIR)/etcd-cluster
	$(Q)install -D -m 0644 -t $(D)$(FIREWALLDDIR) conf/firewalld/*.xml
	$(Q)install -D -m 0644 scripts/completion.bash $(D)$(COMPLETIONDIR)/etcd-cluster
	$(Q)for m in $(MAN); do install -D -m 0644 $$m $(D)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	$(Q)install -D -m 0644 -t $(D)$(DOCDIR) $(DOCS)
	$(Q)install -D -m 0644 -t $(D)$(DOCDIR)/examples $(EXAMPLES)
	$(Q)for p in $(PAYLOAD); do ln -sf ../libexec/etcd-cluster/releases/current/$$p $(D)$(BINDIR)/$$p || exit 1; done
	$(Q)ln -sf etcd.1 $(D)$(MANDIR)/man1/etcdctl.1 && ln -sf etcd.1 $(D)$(MANDIR)/man1/etcdutl.1
	$(Q)ln -sf ../libexec/etcd-cluster/etcdctl.sh $(D)$(BINDIR)/etcdctl.sh
