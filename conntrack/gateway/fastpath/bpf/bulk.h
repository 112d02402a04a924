/* SPDX-License-Identifier: Apache-2.0
 *
 * What user space runs to read connections, to take them out or to change them, many at a time: the kernel has no such
 * system calls for keys of one's choice. The names of what is asked for come after the link header (bulk.py).
 */
#pragma once
#include <linux/if_ether.h>
#include "maps.h"

/* The first two answer in the place of each name. Whether what they name is taken, the link header's first byte says. */

/* What an entry has counted; octets are ~0 where there was none. */
struct usage {
	__u32 packets, last_seen;
	__u64 octets;
};

static __always_inline bool are_taken(struct __sk_buff *skb)
{
	__u8 taken = 0;

	bpf_skb_load_bytes(skb, 0, &taken, sizeof(taken));
	return taken;
}

/* (slot, owner) → TCP state, its lock not 0; all 0 where there is none. Nothing changes those any more that are taken. */
SEC("tc")
int pairwall_states(struct __sk_buff *skb)
{
	bool taken = are_taken(skb);

	for (__u32 at = 0; at < BULK_STATES; at++) {
		__u32 place = ETH_HLEN + at * sizeof(struct tcp_state);
		struct tcp_state found = {};
		__u32 named[2];

		if (bpf_skb_load_bytes(skb, place, named, sizeof(named)))
			break;
		struct tcp_state *state = bpf_map_lookup_elem(&MAP(tcp), &named[0]);

		if (state) {
			bpf_spin_lock(&state->lock);
			if (state->owner == named[1]) {
				if (taken)
					state->control |= STATE_FROZEN;
				__builtin_memcpy(&found.owner, &state->owner, sizeof(found) - sizeof(found.lock));
				found.lock.val = 1;
			}
			bpf_spin_unlock(&state->lock);
		}
		bpf_skb_store_bytes(skb, place, &found, sizeof(found), 0);
	}
	return 0;
}

/* Keys of one family → struct usage. */
#define USAGE_PROGRAM(family)                                                                                  \
	SEC("tc")                                                                                              \
	int pairwall_usage##family(struct __sk_buff *skb)                                                      \
	{                                                                                                      \
		bool taken = are_taken(skb);                                                                   \
                                                                                                               \
		for (__u32 at = 0; at < BULK_ENTRIES; at++) {                                                  \
			__u32 place = ETH_HLEN + at * sizeof(struct key##family);                              \
			struct usage found = { .octets = ~0ULL };                                              \
			struct key##family key;                                                                \
                                                                                                               \
			if (bpf_skb_load_bytes(skb, place, &key, sizeof(key)))                                 \
				break;                                                                         \
			struct flow##family *entry = bpf_map_lookup_elem(&MAP(flows##family), &key);           \
                                                                                                               \
			if (entry) {                                                                           \
				found.packets = entry->flow.packets;                                           \
				found.last_seen = entry->flow.last_seen;                                       \
				found.octets = entry->flow.octets;                                             \
				if (taken)                                                                     \
					bpf_map_delete_elem(&MAP(flows##family), &key);                        \
			}                                                                                      \
			bpf_skb_store_bytes(skb, place, &found, sizeof(found), 0);                             \
		}                                                                                              \
		return 0;                                                                                      \
	}

USAGE_PROGRAM(4)
USAGE_PROGRAM(6)

/* Run where XDP comes or goes (relinking.py), for entries and what Flow.link is to be from now on. Packets are counted
 * meanwhile: an entry that user space wrote anew would lose some. Returns how many were found.
 */
SEC("tc")
int pairwall_relink(struct __sk_buff *skb)
{
	int found = 0;

	for (__u32 at = 0; at < RELINKS; at++) {
		struct relink order;
		struct flow *flow;

		if (bpf_skb_load_bytes(skb, ETH_HLEN + at * sizeof(order), &order, sizeof(order)))
			break;
		if (order.version6)
			flow = bpf_map_lookup_elem(&MAP(flows6), &order.key6);
		else
			flow = bpf_map_lookup_elem(&MAP(flows4), &order.key4);
		if (flow && flow->owner == order.owner) {
			flow->link = order.link;
			found++;
		}
	}
	return found;
}
