/* SPDX-License-Identifier: Apache-2.0
 *
 * The same path at the driver, before there is an skb: for NICs in native mode, where user space asks for it. What it
 * leaves alone meets the tc program next, so only what it sends on is counted here. There are no GSO packets and no
 * unfinished checksums at this place, and no packet marks.
 */
#pragma once
#include "find.h"
#include "translate.h"

/* The way of a flow's packets, if it is known and the frame is for us: in promiscuous mode others' come in as well. */
static __always_inline struct link *link_of(const struct frame *frame, const struct flow *flow)
{
	__u32 index = flow->link;
	struct link *link = bpf_map_lookup_elem(&MAP(links), &index);
	const __u16 *to = frame->data;

	if (!link || !link->valid || flow->mark || (void *)(to + 3) > frame->end)
		return NULL; /* a mark is for tc to set */
	const __u16 *us = (const __u16 *)link->ours;

	return to[0] == us[0] && to[1] == us[1] && to[2] == us[2] ? link : NULL;
}

static __always_inline __be16 patched(__be16 checksum, __u32 difference)
{
	if (difference == 0 || difference == 0xFFFF)
		return checksum;
	return ~folded((__u64)(__u16)~checksum + difference);
}

/* A transport header gets other ports, or another identifier, and the checksum to match. */
static __always_inline int write_transport(void *transport, void *end, const struct packet *packet, const __be16 *ports,
					   __u32 addresses, __u32 change, bool version6)
{
	__be16 *words = transport;

	if (packet->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = transport;

		if ((void *)(tcp + 1) > end)
			return PUNT_FAILED;
		tcp->check = patched(tcp->check, folded((__u64)addresses + change));
	} else if (transport + sizeof(struct udphdr) > end) {
		return PUNT_FAILED;
	} else if (packet->protocol == IPPROTO_UDP) {
		struct udphdr *udp = transport;

		if (udp->check) /* 0 is none, and must not come out of it */
			udp->check = patched(udp->check, folded((__u64)addresses + change)) ?: 0xFFFF;
	} else {
		struct echo *echo = transport;

		echo->checksum = patched(echo->checksum, folded((version6 ? (__u64)addresses : 0) + change));
		echo->identifier = ports[0];
		return 0;
	}
	words[0] = ports[0];
	words[1] = ports[1];
	return 0;
}

static __always_inline int redirect(struct ethhdr *ether, const struct link *link, const struct flow *flow)
{
	__builtin_memcpy(ether->h_dest, link->destination, ETH_ALEN);
	__builtin_memcpy(ether->h_source, link->source, ETH_ALEN);
	bpf_redirect(flow->outbound, 0);
	return 0;
}

static __always_inline int xdp4(struct frame *frame, struct packet *packet)
{
	struct key4 key = {};
	struct flow4 *flow;
	int punt = find4(frame, packet, &key, &flow);

	if (punt)
		return punt;
	struct link *link = link_of(frame, &flow->flow);

	if (!link)
		return PUNT_MISS;
	punt = judge(frame, packet, &flow->flow);
	if (punt)
		return punt;
	struct ethhdr *ether = frame->data;
	struct iphdr *ip = (void *)(ether + 1);
	const struct pair4 *new = &flow->pair;

	if ((void *)(ip + 1) > frame->end)
		return PUNT_FAILED;
	punt = write_transport(ip + 1, frame->end, packet, &new->sport, difference(&key.pair.source, &new->source, 2),
			       port_difference(packet, &key.pair.sport, &new->sport), false);
	if (punt)
		return punt;
	ip->tos = new_tos(packet, &flow->flow);
	ip->ttl = packet->hop_limit - 1;
	ip->saddr = new->source;
	ip->daddr = new->destination;
	ip->check = 0;
	ip->check = ~header_sum(ip);
	return redirect(ether, link, &flow->flow);
}

static __always_inline int xdp6(struct frame *frame, struct packet *packet)
{
	struct key6 key = {};
	struct flow6 *flow;
	int punt = find6(frame, packet, &key, &flow);

	if (punt)
		return punt;
	struct link *link = link_of(frame, &flow->flow);

	if (!link)
		return PUNT_MISS;
	punt = judge(frame, packet, &flow->flow);
	if (punt)
		return punt;
	struct ethhdr *ether = frame->data;
	struct ipv6hdr *ip = (void *)(ether + 1);
	const struct pair6 *new = &flow->pair;

	if ((void *)(ip + 1) > frame->end)
		return PUNT_FAILED;
	punt = write_transport(ip + 1, frame->end, packet, &new->sport, difference(key.pair.source, new->source, 8),
			       port_difference(packet, &key.pair.sport, &new->sport), true);
	if (punt)
		return punt;
	*(__u32 *)ip = (*(__u32 *)ip & ~bpf_htonl(0x0FF00000)) | bpf_htonl((__u32)new_tos(packet, &flow->flow) << 20);
	ip->hop_limit = packet->hop_limit - 1;
	__builtin_memcpy(&ip->saddr, new->source, 32);
	return redirect(ether, link, &flow->flow);
}
