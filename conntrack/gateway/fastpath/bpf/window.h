/* SPDX-License-Identifier: Apache-2.0
 *
 * tracker/tcp/examine.py over again, for packets of an established connection whose both sides have sent: the same
 * names, the same order, the same results in every bit (tests/property/test_fastpath.py).
 */
#pragma once
#include "packet.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5

static __always_inline bool before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Not before(b, a): numbers half the circle apart are each before the other. */
static __always_inline bool after(__u32 a, __u32 b)
{
	return (__s32)(b - a) < 0;
}

/* Of a segment's options the first `size` bytes. */
struct options {
	__u8 bytes[64];
};

/* The highest of `highest` and the right edges of the SACK option at `at`, `length` bytes long. */
static __always_inline __u32 highest_edge(const struct options *options, __u32 at, __u32 length, __u32 highest)
{
	for (__u32 block = 2; block + 8 <= length && at + block + 8 <= MOST_OPTIONS; block += 8) {
		const __u8 *right = &options->bytes[at + block + 4];
		__u32 edge = (__u32)right[0] << 24 | (__u32)right[1] << 16 | (__u32)right[2] << 8 | right[3];

		if (after(edge, highest))
			highest = edge;
	}
	return highest;
}

/* packet/tcp_options.py: the highest number that is acknowledged. Written for the verifier: it looks at each place of
 * the list once, since `at` is a constant to it, and at this function by itself, since it is not static. A walk from
 * option to option takes it 700 000 steps.
 */
__noinline __u32 highest_sack(const struct options *options, __u32 size, __u32 ack)
{
	__u32 highest = ack;
	__u32 next = 0;

	if (!options)
		return ack;
	for (__u32 at = 0; at < MOST_OPTIONS && at < size; at++) {
		__u32 kind = options->bytes[at];
		__u32 length = options->bytes[at + 1];

		if (at != next)
			continue;
		if (kind == OPTION_END)
			break;
		if (kind == OPTION_NOP) {
			next = at + 1;
			continue;
		}
		next = at + length;
		if (length < 2 || next > size)
			return ack; /* options that cannot be read do not count */
		if (kind != OPTION_SACK)
			continue;
		if (length < 10 || (length - 2) & 7)
			return ack;
		highest = highest_edge(options, at, length, highest);
	}
	return highest;
}

/* bpf_xdp_load_bytes, since Linux 5.18: by its number, for libbpf before 0.7 (Ubuntu 22.04) does not declare it */
static long (*xdp_load_bytes)(void *context, __u32 at, void *into, __u32 size) = (void *)189;

static __always_inline __u32 furthest(struct frame *frame, const struct packet *packet)
{
	__u32 at = packet->transport + sizeof(struct tcphdr);
	__u32 size = packet->headers - (at - frame->link);
	struct options options = {};

	size &= 63;
	if (size == 0 || size > MOST_OPTIONS)
		return packet->ack;
	if (frame->is_skb ? bpf_skb_load_bytes(frame->context, at, &options, size) :
			    xdp_load_bytes(frame->context, at, &options, size))
		return packet->ack;
	return highest_sack(&options, size, packet->ack);
}

/* The conditions I–IV. Where a packet does not meet them it is left to the tracker, unless its side is liberal: then
 * it passes without being believed, but for the little beyond the window that a peer may acknowledge.
 */
static __always_inline bool fit(__u32 seq, __u32 end, __u32 sack, struct tcp_state *state, __u32 side, bool liberal)
{
	struct window *sender = &state->window[side];
	struct window *receiver = &state->window[side ^ 1];
	__u32 room = receiver->maxwin;
	__u32 slack = sender->maxwin > ACK_SLACK ? sender->maxwin : ACK_SLACK;
	bool sent = before(sack, receiver->end + 1);
	bool recent = after(sack, receiver->end - slack - 1);
	bool new = after(end, sender->end - room - 1);

	if (before(seq, sender->maxend + 1))
		return sent && recent && (new || room == 0);
	if (liberal && sent && recent && new && room != 0 && end - sender->maxend + 1 <= room) {
		sender->end = end;
		state->flags[side] |= WINDOW_UNACKNOWLEDGED;
	}
	return false;
}

static __always_inline void advance(const struct packet *packet, __u32 end, __u32 sack, struct tcp_state *state,
				    __u32 side)
{
	struct window *sender = &state->window[side];
	struct window *receiver = &state->window[side ^ 1];
	__u32 window = packet->window << (state->scale[side] & 15);
	__u32 reach = window + sack - packet->ack;

	if (reach > sender->maxwin)
		sender->maxwin = reach;
	if (!(state->flags[side] & WINDOW_ACK_KNOWN) || after(packet->ack, sender->maxack)) {
		sender->maxack = packet->ack;
		state->flags[side] |= WINDOW_ACK_KNOWN;
	}
	if (after(end, sender->end)) {
		sender->end = end;
		state->flags[side] |= WINDOW_UNACKNOWLEDGED;
	}
	if (receiver->maxwin != 0 && after(end, sender->maxend))
		receiver->maxwin += end - sender->maxend;
	if (after(sack + window, receiver->maxend - 1))
		receiver->maxend = sack + (window ? window : 1);
	if (packet->ack == receiver->end)
		state->flags[side ^ 1] &= ~WINDOW_UNACKNOWLEDGED;
}

/* tracker/tcp/memory.py: remembers an accepted ACK, and counts it if it is the last one over again. */
static __always_inline void remember(const struct packet *packet, __u32 end, struct tcp_state *state, __u32 side)
{
	if (state->last_original == (side ^ 1) && state->last_seq == packet->seq && state->last_ack == packet->ack &&
	    state->last_end == end && state->last_window == packet->window) {
		if (state->retransmissions < MOST_COUNTED)
			state->retransmissions++;
		return;
	}
	state->retransmissions = 0;
	state->last_seq = packet->seq;
	state->last_ack = packet->ack;
	state->last_end = end;
	state->last_window = packet->window;
}

/* Whether packets of this side are not held to the window: it was picked up in mid-stream. The tracker's `liberal`
 * setting is not asked: what it lets pass without believing it would be missing from both windows ever after, and here
 * packets may well come by that wait for others in the queue. They are left to the tracker, in their order.
 */
static __always_inline bool is_liberal(const struct tcp_state *state, __u32 side)
{
	return state->flags[side] & WINDOW_LIBERAL;
}

/* An ACK of an established connection, under the lock: 0, or the punt. */
static __always_inline int examine(const struct packet *packet, __u32 sack, struct tcp_state *state, __u32 side)
{
	__u32 end = packet->seq + packet->length - packet->headers;
	bool liberal = is_liberal(state, side);

	if (state->window[side].maxwin == 0)
		return PUNT_WINDOW; /* has sent nothing that we know of: the tracker knows how to begin */
	if (fit(packet->seq, end, sack, state, side, liberal)) {
		advance(packet, end, sack, state, side);
		remember(packet, end, state, side);
	} else if (!liberal) {
		return PUNT_WINDOW;
	}
	state->last_kind = KIND_ACK;
	state->last_original = side ^ 1;
	return 0;
}
