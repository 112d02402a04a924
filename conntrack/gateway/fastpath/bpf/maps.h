/* SPDX-License-Identifier: Apache-2.0
 *
 * What user space writes and the program obeys: flows by socket pair, TCP states, settings, counters.
 * The structs are layout.py's tables over again; LAYOUT_IS_AS_IN_PYTHON below does not compile where they differ.
 */
#pragma once
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "tables.h"

struct pair4 {
	__be32 source, destination;
	__be16 sport, dport;
};

struct pair6 {
	__be32 source[4], destination[4];
	__be16 sport, dport;
};

struct key4 {
	struct pair4 pair;
	__u8 protocol, space;
	__u16 zero;
};

struct key6 {
	struct pair6 pair;
	__u8 protocol, space;
	__u16 zero;
};

/* What entries of both families begin with. */
struct flow {
	__u16 outbound, inbound;
	__u32 slot, owner;
	__u32 mark;
	__u16 generation, link;
	__u16 mtu;
	__u8 flags, tos;
	__u32 last_seen, packets;
	__u64 octets;
};

struct flow4 {
	struct flow flow;
	struct pair4 pair;
	__be32 next_hop;
};

struct flow6 {
	struct flow flow;
	struct pair6 pair;
	__be32 next_hop[4];
	__u32 zero;
};

struct window {
	__u32 end, maxend, maxwin, maxack;
};

/* A TCP connection: [0] is the side that began it. Both directions' packets change both windows, on any CPU. */
struct tcp_state {
	struct bpf_spin_lock lock;
	__u32 owner;
	struct window window[2];
	__u8 scale[2], flags[2];
	__u32 last_seq, last_end, last_ack;
	__u16 last_window;
	__u8 last_kind, last_original;
	__u8 retransmissions, control;
	__u16 zero;
};

struct settings {
	__u32 generation;
	__u32 zero;
};

/* For XDP: the hardware addresses of a flow's way, of which many flows have the same. */
struct link {
	__u8 destination[6], source[6];
	__u8 ours[6]; /* where they come in */
	__u16 valid;
};

/* What pairwall_relink is told of one entry. */
struct relink {
	union {
		struct key6 key6;
		struct key4 key4;
	};
	__u32 owner;
	__u16 link;
	__u16 version6; /* 0 or 1 */
};

LAYOUT_IS_AS_IN_PYTHON

/* max_entries of flows and states are set before loading (loader.py). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key4);
	__type(value, struct flow4);
} MAP(flows4) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key6);
	__type(value, struct flow6);
} MAP(flows6) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_state);
} MAP(tcp) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} MAP(settings) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LINKS);
	__type(key, __u32);
	__type(value, struct link);
} MAP(links) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PUNT_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} MAP(punts) SEC(".maps");

static __always_inline void count(__u32 punt)
{
	__u64 *counter = bpf_map_lookup_elem(&MAP(punts), &punt);

	if (counter)
		*counter += 1;
}
