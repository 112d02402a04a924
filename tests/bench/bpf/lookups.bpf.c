// SPDX-License-Identifier: Apache-2.0
/* What looking something up costs by itself: in a hash map of the fast path's shape, and in lines of 64 bytes.
 *
 * Run by BPF_PROG_TEST_RUN (map_lookup.py). Each look-up is of one of `plan.count` at random, and depends on what the one
 * before it has found, as no packet's does: so waiting for memory cannot hide behind the next one's.
 */
#include <linux/bpf.h>
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

static __always_inline __u32 next(__u64 *state, __u64 count)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return ((*state >> 32) * count) >> 32;
}

SEC("tc")
int by_hash(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	int found = 0;

	if (!plan)
		return 0;
	__u64 state = plan->state;

	for (int step = 0; step < STEPS; step++) {
		struct key key = { .number = next(&state, plan->count) };
		struct entry *entry = bpf_map_lookup_elem(&hashed, &key);

		if (entry) {
			entry->words[4]++;
			state += entry->words[0];
			found++;
		}
	}
	plan->state = state;
	return found;
}

SEC("tc")
int by_line(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 zero = 0;
	struct plan *plan = bpf_map_lookup_elem(&plans, &zero);
	int found = 0;

	if (!plan)
		return 0;
	__u64 state = plan->state;

	for (int step = 0; step < STEPS; step++) {
		__u32 number = next(&state, plan->count);
		struct line *line = bpf_map_lookup_elem(&lines, &number);

		if (line) {
			line->words[4]++;
			state += line->words[0];
			found++;
		}
	}
	plan->state = state;
	return found;
}

char _license[] SEC("license") = "Apache-2.0";
