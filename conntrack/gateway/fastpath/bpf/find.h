/* SPDX-License-Identifier: Apache-2.0
 *
 * Which flow a packet is of.
 */
#pragma once
#include "packet.h"

static __always_inline int find4(struct frame *frame, struct packet *packet, struct key4 *key, struct flow4 **flow)
{
	int punt = parse4(frame, packet, key);

	if (punt)
		return punt;
	*flow = bpf_map_lookup_elem(&MAP(flows4), key);
	return *flow ? 0 : PUNT_MISS;
}

static __always_inline int find6(struct frame *frame, struct packet *packet, struct key6 *key, struct flow6 **flow)
{
	int punt = parse6(frame, packet, key);

	if (punt)
		return punt;
	*flow = bpf_map_lookup_elem(&MAP(flows6), key);
	return *flow ? 0 : PUNT_MISS;
}
