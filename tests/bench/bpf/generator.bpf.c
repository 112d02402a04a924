// SPDX-License-Identifier: Apache-2.0
/* The load of the fast path's benchmark: datagrams of 64 bytes, of connections in turn or at random, out of a device.
 *
 * Run by BPF_PROG_TEST_RUN on live frames (inject.py), which come back as the gateway has left them: so all headers are
 * written anew each time. Who speaks with whom is as crowd.py's `ends` has it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PAYLOAD 36

/* inject.py: PLAN */
struct plan {
	__u64 state; /* of the random numbers */
	__u32 outbound; /* 0: frames go no further */
	__u32 flows;
	__u32 per_client, per_server;
	__u32 clients, servers; /* first addresses, in the host's byte order */
	__u16 first_port, port;
	__u8 to[6], from[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

struct frame {
	struct ethhdr ether;
	struct iphdr ip;
	struct udphdr udp;
	__u8 payload[PAYLOAD];
} __attribute__((packed));

static __always_inline __u32 folded(__u64 sum)
{
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	sum = (sum & 0xFFFF) + (sum >> 16);
	sum = (sum & 0xFFFF) + (sum >> 16);
	return (sum & 0xFFFF) + (sum >> 16);
}

SEC("xdp")
int generate(struct xdp_md *context)
{
	struct frame *frame = (void *)(long)context->data;
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);

	if (!plan || !plan->per_client || !plan->per_server || (void *)(frame + 1) > (void *)(long)context->data_end)
		return XDP_ABORTED;
	plan->state = plan->state * 6364136223846793005ULL + 1442695040888963407ULL;
	__u32 number = ((plan->state >> 32) * plan->flows) >> 32;
	struct iphdr *ip = (void *)frame + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);

	__builtin_memcpy(frame->ether.h_dest, plan->to, ETH_ALEN);
	__builtin_memcpy(frame->ether.h_source, plan->from, ETH_ALEN);
	frame->ether.h_proto = bpf_htons(ETH_P_IP);
	*(__be32 *)ip = bpf_htonl(0x45000000 | (sizeof(*frame) - ETH_HLEN));
	((__be32 *)ip)[1] = bpf_htonl(0x4000);
	((__be32 *)ip)[2] = bpf_htonl(64 << 24 | IPPROTO_UDP << 16);
	ip->saddr = bpf_htonl(plan->clients + number / plan->per_client);
	ip->daddr = bpf_htonl(plan->servers + number / plan->per_server);
	__u32 *words = (__u32 *)ip;

	ip->check = ~folded((__u64)words[0] + words[1] + words[2] + words[3] + words[4]);
	udp->source = bpf_htons(plan->first_port + number % plan->per_server);
	udp->dest = bpf_htons(plan->port);
	udp->len = bpf_htons(sizeof(*udp) + PAYLOAD);
	__builtin_memset(frame->payload, 0, sizeof(frame->payload)); /* inject.py's template says the same */
	__u16 check = ~folded((__u64)ip->saddr + ip->daddr + bpf_htons(IPPROTO_UDP) + udp->len + udp->source +
			      udp->dest + udp->len);

	udp->check = check ?: 0xFFFF;
	return plan->outbound ? bpf_redirect(plan->outbound, 0) : XDP_DROP;
}

/* At a device: what comes in is counted by the device, and goes no further. */
SEC("xdp")
int swallow(struct xdp_md *context)
{
	(void)context;
	return XDP_DROP;
}

char _license[] SEC("license") = "Apache-2.0";
