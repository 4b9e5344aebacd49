# What both packages install, and where. The only list of shipped files.

.PHONY: install
install: build ## install into DESTDIR
	install -D -m 0755 $(BIN) $(DESTDIR)$(SBINDIR)/etcd-cluster
