// SPDX-License-Identifier: Apache-2.0
/* What tests ask of packet marks, which are on no wire: `look` counts packets by mark and by DSCP, at a way in or out. `put`
 * sets a mark at a way in, as another tool's program does that stands before ours. Both leave the packet to whoever is next.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROTOCOL4 9
#define PROTOCOL6 6

/* marks.py: KIND */
struct kind {
	__u32 interface, mark;
	__u8 version, protocol, tos, zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct kind);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} given SEC(".maps");

SEC("tc")
int look(struct __sk_buff *skb)
{
	struct kind kind = { .interface = skb->ifindex, .mark = skb->mark };
	__u64 one = 1, *count;
	__u8 head[10];

	if (skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, head, sizeof(head)))
		return TC_ACT_UNSPEC;
	kind.version = head[0] >> 4;
	kind.protocol = kind.version == 6 ? head[PROTOCOL6] : head[PROTOCOL4];
	kind.tos = kind.version == 6 ? head[0] << 4 | head[1] >> 4 : head[1];
	count = bpf_map_lookup_elem(&seen, &kind);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&seen, &kind, &one, BPF_ANY);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int put(struct __sk_buff *skb)
{
	__u32 zero = 0, *mark = bpf_map_lookup_elem(&given, &zero);

	if (mark)
		skb->mark = *mark;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Apache-2.0";
