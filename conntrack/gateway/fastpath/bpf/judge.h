/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a packet of a known flow may pass, and what it leaves behind in the maps. Nothing of the packet has been
 * changed yet: what is left to the slow path gets there as it came.
 */
#pragma once
#include "window.h"

/* Packets that it is on the wire. A guest's or a tap's GSO packet does not say how many. */
static __always_inline __u32 segments(const struct packet *packet)
{
	if (!packet->segment)
		return 1;
	return packet->segments ?: (packet->length - packet->headers + packet->segment - 1) / packet->segment;
}

/* Bytes of IP that it is on the wire, where each segment has headers of its own. */
static __always_inline __u32 octets(const struct packet *packet, __u32 count)
{
	return packet->length + (count - 1) * packet->headers;
}

/* A FIN or RST: the tracker judges it. If it fits the window, what follows it does not pass before that; if not, it may
 * be forged, and stops nobody.
 */
static __always_inline int close(const struct packet *packet, struct flow *flow, struct tcp_state *state)
{
	__u32 side = flow->flags & FLOW_REPLY;
	__u32 end = packet->seq + packet->length - packet->headers + (packet->tcp_flags & TCP_FIN);
	__u32 sack = packet->ack;

	bpf_spin_lock(&state->lock);
	if (!(packet->tcp_flags & TCP_ACK) || (packet->tcp_flags & TCP_RST && !sack))
		sack = state->window[side ^ 1].end; /* an RST may acknowledge nothing */
	if (state->owner == flow->owner && (is_liberal(state, side) || fit(packet->seq, end, sack, state, side, false)))
		state->control |= STATE_FROZEN;
	bpf_spin_unlock(&state->lock);
	return PUNT_CLOSING;
}

static __always_inline int judge_tcp(struct frame *frame, const struct packet *packet, struct flow *flow)
{
	__u32 side = flow->flags & FLOW_REPLY;
	__u8 action = tcp_actions[side][packet->tcp_flags];
	struct tcp_state *state = bpf_map_lookup_elem(&MAP(tcp), &flow->slot);
	__u32 sack = packet->ack, packets = segments(packet);
	int punt = PUNT_FROZEN;

	if (action == ACTION_LEAVE)
		return PUNT_SYN;
	if (!state)
		return PUNT_FROZEN;
	if (action == ACTION_CLOSE)
		return close(packet, flow, state);
	if (!packet->plain_options && state->flags[side ^ 1] & WINDOW_SACK)
		sack = furthest(frame, packet);
	bpf_spin_lock(&state->lock);
	if (state->owner == flow->owner && !(state->control & STATE_FROZEN)) {
		punt = examine(packet, sack, state, side);
		if (!punt) { /* counted under the lock: what a recall reads is all that passed */
			flow->packets += packets;
			flow->octets += octets(packet, packets);
		}
	}
	bpf_spin_unlock(&state->lock);
	return punt;
}

static __always_inline int judge(struct frame *frame, struct packet *packet, struct flow *flow)
{
	__u32 zero = 0;
	struct settings *settings = bpf_map_lookup_elem(&MAP(settings), &zero);

	if (!settings || flow->generation != settings->generation)
		return PUNT_STALE;
	if (flow->inbound != packet->interface)
		return PUNT_INTERFACE; /* the kernel's source validation is passed by, so this takes its place */
	if ((packet->segment ? packet->headers + packet->segment : packet->length) > flow->mtu)
		return PUNT_TOO_BIG;
	if (packet->protocol == IPPROTO_TCP) {
		int punt = judge_tcp(frame, packet, flow);

		if (punt)
			return punt;
	} else {
		__u32 packets = segments(packet);

		__sync_fetch_and_add(&flow->packets, packets);
		__sync_fetch_and_add(&flow->octets, octets(packet, packets));
	}
	flow->last_seen = bpf_ktime_get_coarse_ns() >> TICK_SHIFT;
	return 0;
}
