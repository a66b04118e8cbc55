/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Why a connection ended: one list for log line, metric and API field
 */
#ifndef COMMHUB_CORE_END_REASON_H
#define COMMHUB_CORE_END_REASON_H

/* enum, name for machines, sentence for people */
#define END_REASONS(X)                                                                                       \
    X(CLOSED_BY_CLIENT, "closed_by_client", "the client closed the connection")                              \
    X(IO_ERROR, "io_error", "the connection broke")                                                          \
    X(TLS_FAILED, "tls_failed", "TLS failed")                                                                \
    X(NOT_IDENTIFIED, "not_identified", "the client did not identify itself in time")                        \
    X(BAD_IDENTIFY, "bad_identify", "the first frame was not a valid identify")                              \
    X(ID_IN_USE, "id_in_use", "another connection has this client id")                                       \
    X(AUTHENTICATION_FAILED, "authentication_failed", "the connection secret was wrong or missing")          \
    X(IDLE, "idle", "nothing came within the idle timeout")                                                  \
    X(FRAME_UNFINISHED, "frame_unfinished", "a frame was not completed within the data timeout")             \
    X(BAD_FRAME, "bad_frame", "a frame was malformed, empty or too long")                                    \
    X(SLOW_CONSUMER, "slow_consumer", "the client did not read what was sent to it")                         \
    X(ERROR_POLICY, "error_policy", "an error occurred and the error policy is raise")                       \
    X(HUB_FULL, "hub_full", "the hub had no room for another connection")                                    \
    X(KICKED, "kicked", "an operator disconnected the client")                                               \
    X(SHUTDOWN, "shutdown", "the hub shut down")                                                             \
    X(OUT_OF_MEMORY, "out_of_memory", "the hub ran out of memory")                                           \
    X(HUB_UNREACHABLE, "hub_unreachable", "the remote hub became unreachable")

enum end_reason {
#define X(id, name, text) END_##id,
    END_REASONS(X)
#undef X
        END_REASON_COUNT
};

const char *end_reason_name(enum end_reason reason);
const char *end_reason_text(enum end_reason reason);

#endif
