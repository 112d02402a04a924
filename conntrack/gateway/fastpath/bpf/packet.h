/* SPDX-License-Identifier: Apache-2.0
 *
 * From a frame to the few numbers that decide about it. Whatever is unusual is left to the slow path, untouched.
 */
#pragma once
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "maps.h"

/* <linux/icmp.h> would drag in the C library */
#define ICMP_ECHOREPLY 0
#define ICMP_ECHO 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define FRAGMENTED 0x3FFF /* IPv4: offset or more to come */
#define MOST_OPTIONS 40 /* bytes of TCP options */
#define TIMESTAMP_ALONE 0x0101080A /* what nearly every segment carries: two NOPs and a timestamp */

/* A frame as one of the hooks has it. */
struct frame {
	void *context; /* struct __sk_buff, or struct xdp_md */
	void *data, *end;
	__u32 length; /* of all of it, whether linear or not */
	__u32 link; /* bytes of link header */
	bool is_skb;
};

struct echo {
	__u8 type, code;
	__be16 checksum, identifier, sequence;
};

struct packet {
	__u32 interface; /* that it came in by */
	__u32 length; /* of the IP packet, as its header says */
	__u32 headers; /* of these, up to the payload */
	__u32 transport; /* offset of the transport header in the frame */
	__u32 segments, segment; /* of a GSO packet: how many, and bytes of payload of each; else 0 */
	__u32 seq, ack, window;
	__u8 protocol, tos, hop_limit, tcp_flags;
	bool plain_options; /* no TCP options, or a timestamp alone */
};

/* Whether the first `size` bytes can be read. Drivers leave headers linear; where one does not they are pulled, and
 * only then: pulling a GSO fraglist panicked kernels before 6.16.
 */
static __always_inline bool reach(struct frame *frame, __u32 size)
{
	if (frame->data + size <= frame->end)
		return true;
	if (!frame->is_skb || size > frame->length || bpf_skb_pull_data(frame->context, size))
		return false;
	struct __sk_buff *skb = frame->context;

	frame->data = (void *)(long)skb->data;
	frame->end = (void *)(long)skb->data_end;
	return frame->data + size <= frame->end;
}

static __always_inline __u32 folded(__u64 sum)
{
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFF) + (sum >> 16);
	sum = (sum & 0xFFFF) + (sum >> 16);
	return (sum & 0xFFFF) + (sum >> 16);
}

/* The ones' complement sum of an IPv4 header without options. */
static __always_inline __u32 header_sum(const struct iphdr *ip)
{
	const __u32 *words = (const __u32 *)ip;

	return folded((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
}

static __always_inline int parse_tcp(struct frame *frame, struct packet *packet)
{
	if (!reach(frame, packet->transport + sizeof(struct tcphdr)))
		return PUNT_MALFORMED;
	struct tcphdr *tcp = frame->data + packet->transport;
	__u32 size = tcp->doff * 4;

	packet->headers = packet->transport - frame->link + size;
	if (size < sizeof(*tcp) || packet->headers > packet->length)
		return PUNT_MALFORMED;
	packet->tcp_flags = ((__u8 *)tcp)[13];
	if (packet->tcp_flags & TCP_SYN)
		return PUNT_SYN;
	packet->seq = bpf_ntohl(tcp->seq);
	packet->ack = bpf_ntohl(tcp->ack_seq);
	packet->window = bpf_ntohs(tcp->window);
	packet->plain_options = size == sizeof(*tcp);
	if (size == sizeof(*tcp) + 12) {
		__be32 *options = (void *)(tcp + 1);

		if ((void *)(options + 1) <= frame->end)
			packet->plain_options = *options == bpf_htonl(TIMESTAMP_ALONE);
	}
	return 0;
}

/* The eight bytes after the IP header are there. For ICMP the "ports" are identifier, then type and code. */
static __always_inline int parse_transport(struct frame *frame, struct packet *packet, void *transport, __be16 *ports)
{
	struct echo *icmp = transport;
	struct udphdr *udp = transport;
	bool version6 = packet->transport - frame->link == sizeof(struct ipv6hdr);

	ports[0] = udp->source;
	ports[1] = udp->dest;
	packet->headers = packet->transport - frame->link + sizeof(*udp);
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return parse_tcp(frame, packet);
	case IPPROTO_UDP: {
		__u32 size = bpf_ntohs(udp->len);

		if (size < sizeof(*udp) || packet->headers - sizeof(*udp) + size > packet->length)
			return PUNT_MALFORMED;
		return version6 && !udp->check ? PUNT_MALFORMED : 0; /* RFC 8200 §8.1: not without a checksum */
	}
	case IPPROTO_ICMP:
		if (version6 || (icmp->type != ICMP_ECHO && icmp->type != ICMP_ECHOREPLY))
			return PUNT_NOT_CARRIED;
		break;
	case IPPROTO_ICMPV6:
		if (!version6 || (icmp->type != ICMPV6_ECHO_REQUEST && icmp->type != ICMPV6_ECHO_REPLY))
			return PUNT_NOT_CARRIED;
		break;
	default:
		return PUNT_NOT_CARRIED;
	}
	ports[0] = icmp->identifier;
	ports[1] = *(__be16 *)transport;
	return 0;
}

static __always_inline int parse4(struct frame *frame, struct packet *packet, struct key4 *key)
{
	if (!reach(frame, frame->link + sizeof(struct iphdr) + sizeof(struct udphdr)))
		return PUNT_MALFORMED;
	struct iphdr *ip = frame->data + frame->link;

	if (ip->ihl != 5)
		return ip->ihl < 5 ? PUNT_MALFORMED : PUNT_OPTIONS;
	packet->length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header_sum(ip) != 0xFFFF)
		return PUNT_MALFORMED;
	if (packet->length > frame->length - frame->link || packet->length < sizeof(*ip) + sizeof(struct udphdr))
		return PUNT_MALFORMED;
	if (ip->frag_off & bpf_htons(FRAGMENTED))
		return PUNT_FRAGMENT;
	if (ip->ttl <= 1)
		return PUNT_HOP_LIMIT;
	packet->hop_limit = ip->ttl;
	packet->tos = ip->tos;
	packet->protocol = ip->protocol;
	packet->transport = frame->link + sizeof(*ip);
	key->protocol = ip->protocol;
	key->pair.source = ip->saddr;
	key->pair.destination = ip->daddr;
	return parse_transport(frame, packet, ip + 1, &key->pair.sport);
}

static __always_inline int parse6(struct frame *frame, struct packet *packet, struct key6 *key)
{
	if (!reach(frame, frame->link + sizeof(struct ipv6hdr) + sizeof(struct udphdr)))
		return PUNT_MALFORMED;
	struct ipv6hdr *ip = frame->data + frame->link;

	packet->length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (ip->version != 6 || packet->length > frame->length - frame->link)
		return PUNT_MALFORMED;
	if (packet->length < sizeof(*ip) + sizeof(struct udphdr))
		return PUNT_MALFORMED;
	switch (ip->nexthdr) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return PUNT_OPTIONS;
	case IPPROTO_FRAGMENT:
		return PUNT_FRAGMENT;
	}
	if (ip->hop_limit <= 1)
		return PUNT_HOP_LIMIT;
	packet->hop_limit = ip->hop_limit;
	packet->tos = bpf_ntohs(*(__be16 *)ip) >> 4;
	packet->protocol = ip->nexthdr;
	packet->transport = frame->link + sizeof(*ip);
	key->protocol = ip->nexthdr;
	__builtin_memcpy(key->pair.source, &ip->saddr, 32);
	return parse_transport(frame, packet, ip + 1, &key->pair.sport);
}
