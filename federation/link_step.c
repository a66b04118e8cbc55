/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_step.h"

#include <stdio.h>
#include <string.h>

#include "hub/base/check.h"

const char *link_step_name(enum link_step step)
{
    static const char *const names[] = {
#define X(id, name) [LINK_STEP_##id] = name,
        LINK_STEPS(X)
#undef X
    };

    check(step < sizeof names / sizeof names[0]);
    return names[step];
}

/* The first row that fits. */
static const struct {
    enum link_step step;
    const char *word; /* in the detail; NULL: any */
    const char *advice;
} rows[] = {
    {LINK_STEP_RESOLVE, NULL, "check the host name in the bridge's address"},
    {LINK_STEP_CONNECT, NULL, "is the other hub running, and does it listen there?"},
    {LINK_STEP_TLS, "mismatch",
     "set tls.server_name or tls.pinned_name to a name that the other hub's certificate bears"},
    {LINK_STEP_TLS, "expired", "give the other hub a new certificate"},
    {LINK_STEP_TLS, "not yet valid", "is one of the clocks wrong?"},
    {LINK_STEP_TLS, "issuer", "name the authority that signed the other hub's certificate in tls.ca_file"},
    {LINK_STEP_TLS, "self-signed",
     "name the authority that signed the other hub's certificate in tls.ca_file"},
    {LINK_STEP_TLS, "wrong version number", "what listens there speaks no TLS: use a tcp:// address"},
    {LINK_STEP_TLS, "closed the connection",
     "does what listens there speak TLS? If not, use a tcp:// address; if so, does it ask for a "
     "certificate?"},
    {LINK_STEP_TLS, "certificate required",
     "the other hub asks for a certificate: give the bridge tls.cert_file and tls.key_file"},
    {LINK_STEP_TLS, "unknown ca", "the other hub does not trust the authority of tls.cert_file"},
    {LINK_STEP_TLS, NULL, "does a hub with TLS listen there, and may this one link to it?"},
    {LINK_STEP_HANDSHAKE, NULL,
     "what listens there is perhaps no CommHub, or wants TLS: check the address; for a hub of the Python "
     "package set kind to reference"},
};

void link_step_explain(enum bridge_kind kind, enum link_step step, const char *detail, char *out_text,
                       size_t size)
{
    if (kind == BRIDGE_REFERENCE && step == LINK_STEP_HANDSHAKE) {
        snprintf(out_text, size,
                 "%s; what listens there is perhaps no hub of the Python package, or wants TLS: check the "
                 "address",
                 detail);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].step != step || (rows[i].word && !strstr(detail, rows[i].word)))
            continue;
        snprintf(out_text, size, "%s; %s", detail, rows[i].advice);
        return;
    }
    snprintf(out_text, size, "%s", detail);
}
