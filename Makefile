# Thin on purpose: each target is a few commands that can be typed by hand.

PREFIX     ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR     ?= $(PREFIX)/share/doc/krb5-fido
MANDIR     ?= $(PREFIX)/share/man
# Where the shells look for what completes command lines.
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
# Where an installed krb5-testrealm finds modules and programs, under the names that they are built by.
LINKDIR    := $(BINDIR)/../lib/krb5-fido
# Where libkrb5 and krb5kdc look for preauthentication modules.
PLUGINDIR  ?= $(shell pkg-config --variable=libdir krb5 2>/dev/null)/krb5/plugins/preauth

CARGO   ?= cargo
RELEASE := target/release
# Manual pages and completions of the programs, by the programs' own words.
MANUAL  := $(RELEASE)/manual

# How many mutated requests `make soak` fires.
MUTANTS   ?= 50000
# The target is named for the sanitizer, so that build scripts and macros are built without it.
HOST      ?= x86_64-unknown-linux-gnu

# The client module starts the helper from here unless krb5.conf names another.
export KRB5_FIDO_HELPER := $(LIBEXECDIR)/krb5-fido-helper

# The Debian suites with a newer krb5 that test-compat builds and tests in.
COMPAT_SUITES ?= trixie sid

# The fuzz targets are a workspace of their own, which shares what is built as long as libFuzzer is left out.
FUZZ := --locked --manifest-path fuzz/Cargo.toml --target-dir target --no-default-features
# Seconds that each of them runs.
export FUZZ_SECONDS ?= 10

.PHONY: deps build demo test test-compat bench soak check fuzz audit install uninstall clean

deps:
	./deps.sh

# The client module is built on its own: in one build with the others it would be given their features.
build:
	$(CARGO) build --release --locked -p krb5-fido-client
	$(CARGO) build --release --locked --workspace --exclude krb5-fido-client --exclude krb5-fido-bench
	$(RELEASE)/krb5-fido-manual $(MANUAL)

demo: deps build
	$(RELEASE)/krb5-testrealm demo

test: build
	$(CARGO) test --locked $(TESTFLAGS) --workspace --exclude krb5-fido-client
	$(CARGO) test --locked $(TESTFLAGS) -p krb5-fido-client
	$(CARGO) test $(FUZZ) $(TESTFLAGS) --lib

# The same on other Debians, one folder for each; see tests/compat.sh.
test-compat: $(COMPAT_SUITES:%=test-compat-%)

test-compat-%:
	tests/compat.sh $*

# The KDC module once more for AddressSanitizer, which rustc has behind a switch of its nightly releases.
soak: build
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address $(CARGO) build --profile sanitized --locked \
		--target $(HOST) --target-dir target/asan -p krb5-fido-kdc
	$(CARGO) test --locked -p krb5-fido-tests --test soak -- \
		$(MUTANTS) $(CURDIR)/target/asan/$(HOST)/sanitized/libkrb5_fido_kdc.so

# Some minutes, best on a machine that does nothing else; `make bench BENCH="--only kdc"` measures a part.
BENCH ?= --output docs

bench: build
	$(CARGO) build --release --locked -p krb5-fido-bench
	$(RELEASE)/krb5-fido-bench $(BENCH)

check:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(FUZZ) --all-targets -- -D warnings
	$(CARGO) deny --offline --workspace check bans licenses sources
	$(CARGO) deny --offline --manifest-path fuzz/Cargo.toml --config deny.toml check bans licenses sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --workspace --no-deps --document-private-items

fuzz:
	fuzz/run

# For machines that can fetch the advisory database.
audit:
	$(CARGO) deny --workspace check advisories
	$(CARGO) deny --manifest-path fuzz/Cargo.toml --config deny.toml check advisories

# Builds nothing, so that root needs no compiler and owns nothing in target.
install:
	@{ grep -qsF '$(KRB5_FIDO_HELPER)' $(RELEASE)/libkrb5_fido_client.so && test -e $(MANUAL)/kdb5_fido.8; } || { echo >&2 \
		'Run make build first, as yourself, with the same PREFIX and LIBEXECDIR: the modules are not there, or for others.'; exit 1; }
	install -D -m 644 $(RELEASE)/libkrb5_fido_client.so $(DESTDIR)$(PLUGINDIR)/fido_client.so
	install -D -m 644 $(RELEASE)/libkrb5_fido_kdc.so $(DESTDIR)$(PLUGINDIR)/fido_kdc.so
	install -D -m 755 $(RELEASE)/krb5-fido-helper $(DESTDIR)$(LIBEXECDIR)/krb5-fido-helper
	install -D -m 755 $(RELEASE)/kdb5_fido $(DESTDIR)$(SBINDIR)/kdb5_fido
	install -D -m 755 $(RELEASE)/kfido $(DESTDIR)$(BINDIR)/kfido
	install -D -m 755 $(RELEASE)/softkey $(DESTDIR)$(BINDIR)/softkey
	install -D -m 755 $(RELEASE)/krb5-testrealm $(DESTDIR)$(BINDIR)/krb5-testrealm
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man1 $(MANUAL)/kfido.1
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man5 docs/man/krb5-fido.5
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man7 docs/man/krb5-fido.7
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man8 $(MANUAL)/kdb5_fido.8
	for program in kfido kdb5_fido; do \
		install -D -m 644 $(MANUAL)/$$program.bash $(DESTDIR)$(BASHDIR)/$$program && \
		install -D -m 644 -t $(DESTDIR)$(ZSHDIR) $(MANUAL)/_$$program && \
		install -D -m 644 -t $(DESTDIR)$(FISHDIR) $(MANUAL)/$$program.fish || exit 1; \
	done
	install -D -m 644 include/krb5_fido.h $(DESTDIR)$(INCLUDEDIR)/krb5_fido.h
	install -d $(DESTDIR)$(LINKDIR)
	ln -sf $(PLUGINDIR)/fido_client.so $(DESTDIR)$(LINKDIR)/libkrb5_fido_client.so
	ln -sf $(PLUGINDIR)/fido_kdc.so $(DESTDIR)$(LINKDIR)/libkrb5_fido_kdc.so
	ln -sf $(LIBEXECDIR)/krb5-fido-helper $(SBINDIR)/kdb5_fido $(BINDIR)/kfido $(BINDIR)/softkey $(DESTDIR)$(LINKDIR)
	install -D -m 644 -t $(DESTDIR)$(DOCDIR) README.md CHANGELOG.md docs/*.md
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/examples docs/examples/*
	sed -i 's#/usr/lib/x86_64-linux-gnu/krb5/plugins/preauth#$(PLUGINDIR)#' $(DESTDIR)$(DOCDIR)/examples/*.conf

uninstall:
	rm -f $(DESTDIR)$(PLUGINDIR)/fido_client.so $(DESTDIR)$(PLUGINDIR)/fido_kdc.so
	rm -f $(DESTDIR)$(LIBEXECDIR)/krb5-fido-helper $(DESTDIR)$(SBINDIR)/kdb5_fido
	rm -f $(DESTDIR)$(BINDIR)/kfido $(DESTDIR)$(BINDIR)/softkey $(DESTDIR)$(BINDIR)/krb5-testrealm
	rm -f $(DESTDIR)$(MANDIR)/man1/kfido.1 $(DESTDIR)$(MANDIR)/man8/kdb5_fido.8
	rm -f $(DESTDIR)$(MANDIR)/man5/krb5-fido.5 $(DESTDIR)$(MANDIR)/man7/krb5-fido.7
	rm -f $(DESTDIR)$(BASHDIR)/kfido $(DESTDIR)$(BASHDIR)/kdb5_fido
	rm -f $(DESTDIR)$(ZSHDIR)/_kfido $(DESTDIR)$(ZSHDIR)/_kdb5_fido
	rm -f $(DESTDIR)$(FISHDIR)/kfido.fish $(DESTDIR)$(FISHDIR)/kdb5_fido.fish
	rm -f $(DESTDIR)$(INCLUDEDIR)/krb5_fido.h
	rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(LINKDIR)

clean:
	$(CARGO) clean
