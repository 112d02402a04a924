// SPDX-License-Identifier: Apache-2.0
/* What looking something up costs by itself: in a hash map of the fast path's shape, and in lines of 64 bytes.
 *
 * Run by BPF_PROG_TEST_RUN (map_lookup.py). Each look-up is of one of `plan.count` at random, and depends on what the one
 * before it has found, as no packet's does: so waiting for memory cannot hide behind the next one's.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define STEPS 256 /* map_lookup.py: STEPS */

struct key {
	__u32 number;
	__u32 zero[3];
};

/* As much as an entry of the fast path (layout.py). */
struct entry {
	__u64 words[7];
};

struct line {
	__u64 words[8];
};

/* map_lookup.py: PLAN */
struct plan {
	__u64 state; /* of the random numbers */
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key);
	__type(value, struct entry);
} hashed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct line);
} lines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plan);
} plans SEC(".maps");

static __always_inline int walk(bool by_hash)
{
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	int found = 0;

	if (!plan)
		return 0;
	__u64 state = plan->state;

	for (int step = 0; step < STEPS; step++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		struct key key = { .number = ((state >> 32) * plan->count) >> 32 };
		__u64 *words = by_hash ? bpf_map_lookup_elem(&hashed, &key) : bpf_map_lookup_elem(&lines, &key.number);

		if (words) {
			words[4]++;
			state += words[0];
			found++;
		}
	}
	plan->state = state;
	return found;
}

SEC("tc")
int by_hash(struct __sk_buff *skb __attribute__((unused)))
{
	return walk(true);
}

SEC("tc")
int by_line(struct __sk_buff *skb __attribute__((unused)))
{
	return walk(false);
}

char _license[] SEC("license") = "Apache-2.0";
