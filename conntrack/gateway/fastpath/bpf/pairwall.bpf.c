// SPDX-License-Identifier: Apache-2.0
/* The fast path: packets of connections that Python has judged are translated and sent on at the tc hook.
 *
 * parse → look up → generation, interface, MTU → state and window → counters → translate → next hop.
 * A packet that any step does not understand goes the normal way, as it came; after the first changed byte only
 * the kernel itself can fail, and then the packet is dropped.
 */
#include <linux/pkt_cls.h>
#include "bulk.h"
#include "find.h"
#include "xdp.h"

static __always_inline void set_mark(struct __sk_buff *skb, const struct flow *flow)
{
	if (flow->mark) /* else another tool's stays */
		skb->mark = flow->mark;
}

static __always_inline int ipv4(struct frame *frame, struct packet *packet)
{
	struct key4 key = {};
	struct flow4 *flow;
	int punt = find4(frame, packet, &key, &flow);

	if (punt)
		return punt;
	punt = judge(frame, packet, &flow->flow);
	if (punt)
		return punt;
	set_mark(frame->context, &flow->flow);
	return translate4(frame, packet, &key, flow);
}

static __always_inline int ipv6(struct frame *frame, struct packet *packet)
{
	struct key6 key = {};
	struct flow6 *flow;
	int punt = find6(frame, packet, &key, &flow);

	if (punt)
		return punt;
	punt = judge(frame, packet, &flow->flow);
	if (punt)
		return punt;
	set_mark(frame->context, &flow->flow);
	return translate6(frame, packet, &key, flow);
}

static __always_inline int tc(struct __sk_buff *skb, __u32 link)
{
	struct frame frame = {
		.context = skb,
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.length = skb->len,
		.link = link,
		.is_skb = true,
	};
	struct packet packet = {
		.interface = skb->ifindex,
		.segment = skb->gso_size,
		.segments = skb->gso_segs,
	};
	int punt = PUNT_NOT_CARRIED;

	/* Not another host's frame, nor everybody's, nor a tagged one: a VLAN's own interface has the program as well. */
	if (skb->pkt_type == PACKET_HOST && !skb->vlan_present) {
		if (skb->protocol == bpf_htons(ETH_P_IP))
			punt = ipv4(&frame, &packet);
		else if (skb->protocol == bpf_htons(ETH_P_IPV6))
			punt = ipv6(&frame, &packet);
	}
	count(punt == SPOILT ? PUNT_FAILED : punt);
	if (punt == SPOILT)
		return TC_ACT_SHOT;
	return punt ? TC_ACT_UNSPEC : TC_ACT_REDIRECT;
}

SEC("tc")
int pairwall_tc(struct __sk_buff *skb)
{
	return tc(skb, ETH_HLEN);
}

SEC("xdp")
int pairwall_xdp(struct xdp_md *context)
{
	struct frame frame = {
		.context = context,
		.data = (void *)(long)context->data,
		.end = (void *)(long)context->data_end,
		.length = context->data_end - context->data,
		.link = ETH_HLEN,
	};
	struct packet packet = { .interface = context->ingress_ifindex };
	struct ethhdr *ether = frame.data;
	int punt = PUNT_NOT_CARRIED;

	if ((void *)(ether + 1) > frame.end)
		return XDP_PASS;
	if (ether->h_proto == bpf_htons(ETH_P_IP))
		punt = xdp4(&frame, &packet);
	else if (ether->h_proto == bpf_htons(ETH_P_IPV6))
		punt = xdp6(&frame, &packet);
	if (punt)
		return XDP_PASS; /* the tc program counts why, if it does not send it on itself */
	count(PUNT_AT_DRIVER);
	return XDP_REDIRECT;
}

char _license[] SEC("license") = "Apache-2.0";
