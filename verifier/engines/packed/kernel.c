/* Breadth-first search over packed states: the loop, the same for all systems.

   What stands before it in the same text (c.py, c_search.py): WORDS, GOALS, MOST_STEPS and other
   sizes, `steps`, `tests`, `canonical`, ...  A state is WORDS words.  Nodes are numbered in the
   order in which they are found, which is the order in which they are expanded.  All states are
   kept whole; the table only says where to look.  Open addressing with linear probing; an entry is
   0, or the number of a node plus one and, above, 32 bits of the hash of its state.  */

struct view {                 /* what is read from outside */
    word *states;             /* count * WORDS */
    uint32_t *parents;        /* NOBODY: an initial state */
    uint64_t *first;          /* of node n the edges first[n] .. first[n + 1] - 1 (n < done) */
    uint32_t *targets;        /* EXCLUDED: a state that does not count */
    uint32_t *labels;
    uint64_t transitions, bytes, edges;
    uint32_t count, done, depth, level_end;
    uint32_t node;            /* that was expanded last */
    uint32_t wrongs, brokens; /* how many of wfverify_wrong and wfverify_broken there are */
};

EXPORT struct view wfverify_view;
EXPORT uint32_t wfverify_wrong[MOST_STEPS + 1];  /* new nodes that break a goal about states */
EXPORT uint32_t wfverify_met[LABELS + 1];        /* with EDGES: where a step is first possible */
#define V wfverify_view

static uint64_t *table;
static uint64_t slots;        /* a power of two */
static uint32_t room;         /* states */
static uint64_t edge_room;
static uint64_t most_bytes;
static uint32_t most_states;

static inline uint64_t hash(const word *s)
{
    uint64_t h = 0;
    for (int k = 0; k < WORDS; k++) {
        h = (h ^ s[k]) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 29;
}

static inline int same(const word *a, const word *b)
{
    for (int k = 0; k < WORDS; k++)
        if (a[k] != b[k])
            return 0;
    return 1;
}

static inline void copy(word *to, const word *from)
{
    for (int k = 0; k < WORDS; k++)
        to[k] = from[k];
}

/* The slot of a state, or the free one where it belongs. */
static inline uint64_t find(const word *s, uint64_t h)
{
    uint64_t at = h & (slots - 1);
    for (uint64_t e; (e = table[at]); at = (at + 1) & (slots - 1))
        if (e >> 32 == h >> 32 && same(V.states + ((e & UINT32_MAX) - 1) * WORDS, s))
            break;
    return at;
}

static uint64_t size(uint64_t states, uint64_t edges, uint64_t entries)
{
    uint64_t each = sizeof(word) * WORDS + sizeof(uint32_t) + (EDGES ? sizeof(uint64_t) : 0);
    return states * each + edges * 2 * sizeof(uint32_t) + entries * sizeof(uint64_t);
}

static int resized(void **what, uint64_t bytes)
{
    void *found = bytes > SIZE_MAX ? NULL : realloc(*what, bytes);
    if (!found)
        return 0;
    *what = found;
    return 1;
}

/* As many as wanted, or at least so many as fit and are needed; 0: those do not fit. */
static uint64_t fitting(uint64_t wanted, uint64_t needed, uint64_t others, uint64_t each)
{
    uint64_t most = others < most_bytes ? (most_bytes - others) / each : 0;
    return wanted <= most ? wanted : needed <= most ? most : 0;
}

/* Room for whatever one node may add. */
static int reserve(void)
{
    uint64_t needed = (uint64_t)V.count + MOST_STEPS + 1;
    if (needed > room) {
        uint64_t more = fitting(needed + room / 2 + 8192, needed, size(0, edge_room, slots),
                                size(1, 0, 0));
        if (!more || more > (uint64_t)UINT32_MAX - 2
            || !resized((void **)&V.states, more * sizeof(word) * WORDS)
            || !resized((void **)&V.parents, more * sizeof(uint32_t))
            || (EDGES && !resized((void **)&V.first, (more + 1) * sizeof(uint64_t))))
            return FULL;
        room = (uint32_t)more;
    }
    needed = V.edges + MOST_STEPS;
    if (EDGES && needed > edge_room) {
        uint64_t more = fitting(needed + edge_room / 2 + 8192, needed, size(room, 0, slots),
                                size(0, 1, 0));
        if (!more
            || !resized((void **)&V.targets, more * sizeof(uint32_t))
            || !resized((void **)&V.labels, more * sizeof(uint32_t)))
            return FULL;
        edge_room = more;
    }
    V.bytes = size(room, edge_room, slots);
    needed = (uint64_t)V.count + MOST_STEPS + 1;
    if (needed * 2 > slots) {
        uint64_t more = slots ? slots * 2 : 1 << 14;
        while (needed * 2 > more)
            more *= 2;
        uint64_t *old = table, *new = NULL;
        if (size(room, edge_room, slots + more) <= most_bytes)
            new = calloc(more, sizeof(uint64_t));
        if (!new)  /* a fuller table is slower, but there must be an end to each look-up */
            return needed < slots - slots / 8 ? MORE : FULL;
        table = new;
        free(old);
        slots = more;
        for (uint32_t n = 0; n < V.count; n++) {
            uint64_t h = hash(V.states + (uint64_t)n * WORDS);
            uint64_t at = h & (slots - 1);
            while (table[at])
                at = (at + 1) & (slots - 1);
            table[at] = (h >> 32) << 32 | (n + 1);
        }
        V.bytes = size(room, edge_room, slots);
    }
    return MORE;
}

static uint32_t add(const word *s, uint64_t h, uint64_t at, uint32_t parent)
{
    uint32_t n = V.count++;
    copy(V.states + (uint64_t)n * WORDS, s);
    V.parents[n] = parent;
    table[at] = (h >> 32) << 32 | (n + 1);
    return n;
}

EXPORT int wfverify_start(uint64_t bytes, uint32_t states)
{
    most_bytes = bytes;
    most_states = states;
    memset(wfverify_met, 0xff, sizeof wfverify_met);
    return reserve();
}

/* An initial state in its canonical form: 1 if it is new. */
EXPORT int wfverify_put(const word *s)
{
    int code = reserve();
    if (code < 0)
        return code;
    uint64_t h = hash(s), at = find(s, h);
    if (table[at])
        return 0;
    add(s, h, at, NOBODY);
    V.level_end = V.count;
    return 1;
}

static word reps[MOST_STEPS][WORDS];
static uint64_t hashes[MOST_STEPS];

/* Looks for the first `n` states in `out` in the table soon. */
static void announce(int n)
{
    for (int i = 0; i < n; i++) {
        canonical(out[i], reps[i]);
        hashes[i] = hash(reps[i]);
        PREFETCH(table + (hashes[i] & (slots - 1)));
    }
}

static int take(uint32_t node, int n)
{
    V.transitions += (uint64_t)n;
    for (int i = 0; i < n; i++) {
        uint32_t target = EXCLUDED;
        int wrong = excluded(out[i]);
        if (wrong < 0)
            return wrong;
        if (!wrong) {
            uint64_t at = find(reps[i], hashes[i]);
            if (table[at])
                target = (uint32_t)(table[at] & UINT32_MAX) - 1;
            else {
                target = add(reps[i], hashes[i], at, node);
                if (TESTS && test_of[i]) {
                    int good = tests[test_of[i]](out[i]);
                    if (good < 0)
                        return good;
                    if (!good)
                        wfverify_wrong[V.wrongs++] = target;
                }
            }
        }
        if (EDGES) {
            V.targets[V.edges] = target;
            V.labels[V.edges++] = label[i];
            if (target != EXCLUDED && wfverify_met[label[i]] == NOBODY)
                wfverify_met[label[i]] = node;
        }
    }
    return MORE;
}

static void forget_broken(uint32_t kept)
{
    while (broken_count > kept)
        noted[wfverify_broken[--broken_count]] = 0;
}

/* The steps of one thread alone, if they are enough: their number; 0: they are not. */
static int ample(uint32_t node, const word *s)
{
#if LOCALS
    for (int l = 0; l < LOCALS; l++) {
        uint64_t at = s[locals[l].word] >> locals[l].shift & locals[l].mask;
        if (!locals[l].points[at] || !locals[l].groups[at])
            continue;
        uint32_t kept = broken_count;
        int n = locals[l].groups[at](s, 0);
        if (n < 0)
            return n;
        announce(n);
        int later = n > 0;
        for (int i = 0; later && i < n; i++) {
            uint64_t e = table[find(reps[i], hashes[i])];
            later = !e || (e & UINT32_MAX) - 1 > node;
        }
        if (later) {
            int code = take(node, n);
            return code < 0 ? code : n;
        }
        forget_broken(kept);
    }
#endif
    (void)node, (void)s;
    return 0;
}

static int expand(uint32_t node)
{
    word s[WORDS];
    copy(s, V.states + (uint64_t)node * WORDS);
    if (EDGES)
        V.first[node] = V.edges;
    int n = ample(node, s);
    if (n == 0) {
        n = steps(s);
        if (n < 0)
            return n;
        announce(n);
        int code = take(node, n);
        if (code < 0)
            return code;
        if (n == 0 && AT_ENDS) {
            int good = at_ends(s);
            if (good < 0)
                return good;
            if (!good)
                wfverify_wrong[V.wrongs++] = node;
        }
    }
    return n < 0 ? n : MORE;
}

/* Expands at most so many nodes.  Comes back early to report what is broken: `wrong`, `broken`. */
EXPORT int wfverify_run(uint32_t budget)
{
    V.wrongs = V.brokens = 0;
    forget_broken(0);
    for (; budget; budget--) {
        if (V.done == V.count)
            return DONE;
        if (V.count > most_states)
            return MANY;
        int code = reserve();
        if (code < 0)
            return code;
        V.node = V.done;
        code = expand(V.done);
        if (code < 0)
            return code;
        V.done++;
        if (EDGES)
            V.first[V.done] = V.edges;
        if (V.done == V.level_end && V.count > V.level_end) {
            V.level_end = V.count;
            V.depth++;
        }
        V.brokens = broken_count;
        if (V.wrongs || V.brokens)
            return REPORT;
    }
    return V.done == V.count ? DONE : MORE;
}

/* The edges the other way round: before node n those of `sources` from begins[n] to
   begins[n + 1] - 1, where `count` stands for EXCLUDED.  There are count + 2 begins. */
EXPORT void wfverify_reverse(uint64_t *begins, uint32_t *sources)
{
    for (uint32_t n = 0; n < V.count + 2; n++)
        begins[n] = 0;
    for (uint64_t e = 0; e < V.edges; e++)
        begins[(V.targets[e] == EXCLUDED ? V.count : V.targets[e]) + 1]++;
    for (uint32_t n = 0; n <= V.count; n++)
        begins[n + 1] += begins[n];
    for (uint32_t n = V.done; n-- > 0;)
        for (uint64_t e = V.first[n + 1]; e-- > V.first[n];) {
            uint32_t to = V.targets[e] == EXCLUDED ? V.count : V.targets[e];
            sources[--begins[to + 1]] = n;
        }
    /* Each begin has gone down to that of its own, one place too far up. */
    for (uint32_t n = 0; n <= V.count; n++)
        begins[n] = begins[n + 1];
    begins[V.count + 1] = V.edges;
}

/* Marks with 1 the nodes from which one that has this mark may be reached; those with 2 are not
   entered.  There is room for all nodes in `queue`. */
EXPORT void wfverify_back(const uint64_t *begins, const uint32_t *sources, unsigned char *marks,
                          uint32_t *queue, uint32_t nodes)
{
    uint32_t end = 0;
    for (uint32_t n = 0; n < nodes; n++)
        if (marks[n] == 1)
            queue[end++] = n;
    for (uint32_t at = 0; at < end; at++)
        for (uint64_t e = begins[queue[at]]; e < begins[queue[at] + 1]; e++)
            if (!marks[sources[e]]) {
                marks[sources[e]] = 1;
                queue[end++] = sources[e];
            }
}

EXPORT void wfverify_finish(void)
{
    free(V.states);
    free(V.parents);
    free(V.first);
    free(V.targets);
    free(V.labels);
    free(table);
    memset(&V, 0, sizeof V);
    table = NULL;
    slots = edge_room = 0;
    room = 0;
}
