/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet that may pass gets its new socket pair, one hop less, and its next hop; for the tc hook. All by helpers:
 * if the program wrote into packets, the kernel would copy the head of every cloned one before the program has looked
 * at it. Returns 0, PUNT_FAILED where nothing has been changed yet, or SPOILT.
 */
#pragma once
#include "judge.h"

#define SPOILT -1
#define ECHO_IDENTIFIER __builtin_offsetof(struct echo, identifier)
#define AF_INET 2
#define AF_INET6 10
#ifndef BPF_F_IPV6
#define BPF_F_IPV6 (1ULL << 7) /* since Linux 6.16, and in stable kernels before */
#endif

static __always_inline bool has_ports(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP;
}

static __always_inline __u8 new_tos(const struct packet *packet, const struct flow *flow)
{
	return flow->flags & FLOW_SET_DSCP ? (flow->tos & 0xFC) | (packet->tos & 3) : packet->tos;
}

/* What new ports, or a new ICMP identifier, add to a sum. */
static __always_inline __u32 port_difference(const struct packet *packet, const __be16 *old, const __be16 *new)
{
	__u64 sum = (__u64)new[0] + (__u16)~old[0];

	if (has_ports(packet))
		sum += (__u64)new[1] + (__u16)~old[1];
	return folded(sum);
}

/* What replacing `count` words adds to a sum. */
static __always_inline __u32 difference(const __u32 *old, const __u32 *new, int count)
{
	__u64 sum = 0;

	for (int at = 0; at < count; at++)
		sum += (__u64)new[at] + (__u32)~old[at];
	return folded(sum);
}

/* Adds a difference to the checksum at `at`; 0 and 0xFFFF are the two zeros. */
static __always_inline long patch(struct __sk_buff *skb, __u32 at, __u32 difference, __u64 flags)
{
	if (difference == 0 || difference == 0xFFFF)
		return 0;
	return bpf_l4_csum_replace(skb, at, 0, difference, flags);
}

/* In IPv6 no header checksum makes up for the addresses, so a checksum of the whole packet that the device has computed
 * stays true. Kernels that do not know the flag have refused it before they touched anything, and then get it wrong.
 */
static __always_inline long patch_addresses(struct __sk_buff *skb, __u32 at, __u32 difference, __u64 flags,
					    bool version6)
{
	flags |= BPF_F_PSEUDO_HDR;
	if (!version6)
		return patch(skb, at, difference, flags);
	if (!patch(skb, at, difference, flags | BPF_F_IPV6))
		return 0;
	long error = patch(skb, at, difference, flags);

	if (!error)
		bpf_csum_update(skb, difference);
	return error;
}

/* The transport checksum. Addresses are in the pseudo header as well, whose sum is all that the field holds where the
 * kernel has yet to complete it; ports are not. So these are two updates.
 */
static __always_inline long patch_checksum(struct __sk_buff *skb, const struct packet *packet, __u32 addresses,
					   __u32 ports, bool version6)
{
	__u32 at = packet->transport;
	__u64 flags = 0;

	if (packet->protocol == IPPROTO_TCP) {
		at += __builtin_offsetof(struct tcphdr, check);
	} else if (packet->protocol == IPPROTO_UDP) {
		at += __builtin_offsetof(struct udphdr, check);
		flags = BPF_F_MARK_MANGLED_0;
	} else {
		at += __builtin_offsetof(struct echo, checksum);
		if (!version6)
			addresses = 0; /* ICMP has no pseudo header */
	}
	if (patch_addresses(skb, at, addresses, flags, version6))
		return PUNT_FAILED;
	return patch(skb, at, ports, flags) ? SPOILT : 0;
}

static __always_inline int translate4(struct frame *frame, const struct packet *packet, const struct key4 *key,
				      struct flow4 *flow)
{
	struct __sk_buff *skb = frame->context;
	const struct pair4 *old = &key->pair, *new = &flow->pair;
	struct bpf_redir_neigh hop = { .nh_family = AF_INET, .ipv4_nh = flow->next_hop };
	struct iphdr *read = frame->data + frame->link;
	struct {
		struct iphdr ip;
		__be16 ports[2];
	} head;

	if ((void *)(read + 1) > frame->end)
		return PUNT_FAILED;
	head.ip = *read;
	head.ip.tos = new_tos(packet, &flow->flow);
	head.ip.ttl = packet->hop_limit - 1;
	head.ip.saddr = new->source;
	head.ip.daddr = new->destination;
	head.ip.check = 0;
	head.ip.check = ~header_sum(&head.ip);
	head.ports[0] = new->sport;
	head.ports[1] = new->dport;
	int error = patch_checksum(skb, packet, difference(&old->source, &new->source, 2),
				   port_difference(packet, &old->sport, &new->sport), false);

	if (error)
		return error;
	if (has_ports(packet)) {
		if (bpf_skb_store_bytes(skb, frame->link, &head, sizeof(head), 0))
			return SPOILT;
	} else if (bpf_skb_store_bytes(skb, frame->link, &head, sizeof(head.ip), 0) ||
		   bpf_skb_store_bytes(skb, packet->transport + ECHO_IDENTIFIER, &new->sport, 2, 0)) {
		return SPOILT;
	}
	bpf_redirect_neigh(flow->flow.outbound, &hop, sizeof(hop), 0);
	return 0;
}

static __always_inline int translate6(struct frame *frame, const struct packet *packet, const struct key6 *key,
				      struct flow6 *flow)
{
	struct __sk_buff *skb = frame->context;
	const struct pair6 *old = &key->pair, *new = &flow->pair;
	struct bpf_redir_neigh hop = { .nh_family = AF_INET6 };
	struct ipv6hdr *read = frame->data + frame->link;
	struct {
		__u32 words[2];
		struct pair6 pair;
	} head;
	__u8 tos = new_tos(packet, &flow->flow);

	if ((void *)(read + 1) > frame->end)
		return PUNT_FAILED;
	__builtin_memcpy(hop.ipv6_nh, flow->next_hop, sizeof(hop.ipv6_nh));
	head.words[0] = (*(__u32 *)read & ~bpf_htonl(0x0FF00000)) | bpf_htonl((__u32)tos << 20);
	head.words[1] = (((__u32 *)read)[1] & ~bpf_htonl(0xFF)) | bpf_htonl(packet->hop_limit - 1);
	head.pair = *new;
	__u32 change = difference((__u32 *)read, head.words, 2);
	int error = patch_checksum(skb, packet, difference(old->source, new->source, 8),
				   port_difference(packet, &old->sport, &new->sport), true);

	if (error)
		return error;
	if (has_ports(packet)) {
		if (bpf_skb_store_bytes(skb, frame->link, &head, sizeof(head), 0))
			return SPOILT;
	} else if (bpf_skb_store_bytes(skb, frame->link, &head, sizeof(struct ipv6hdr), 0) ||
		   bpf_skb_store_bytes(skb, packet->transport + ECHO_IDENTIFIER, &new->sport, 2, 0)) {
		return SPOILT;
	}
	bpf_csum_update(skb, change);
	bpf_redirect_neigh(flow->flow.outbound, &hop, sizeof(hop), 0);
	return 0;
}
