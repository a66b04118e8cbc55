/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The classes of message on a link, each with a credit of its own (credit.h)
 */
#ifndef COMMHUB_FEDERATION_LINK_CLASS_H
#define COMMHUB_FEDERATION_LINK_CLASS_H

enum link_class {
    LINK_CLASS_CONTROL, /* whatever is no message of clients: has no credit, and waits for nothing */
    LINK_CLASS_ONE,
    LINK_CLASS_MANY,
    LINK_CLASS_COUNT
};

#endif
