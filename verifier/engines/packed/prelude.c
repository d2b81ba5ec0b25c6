/* What the rules of a search are said with; after the printed part comes kernel.c.  */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t word;
typedef int (*group)(const word *, int);

#if defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define EXPORT
#define PREFETCH(p)
#endif

enum { MORE, DONE, REPORT, MANY, FULL = -1, WIDER = -2, GIVE_UP = -3 };
#define NOBODY UINT32_MAX
#define EXCLUDED UINT32_MAX

/* Euclidean division; by 0 it is 0.  Neither number is the least of all. */
static inline int64_t remainder_of(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    int64_t r = a % b;
    return r < 0 ? r + (b < 0 ? -b : b) : r;
}

static inline int64_t quotient_of(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    int64_t q = a / b;
    return a % b < 0 ? (b < 0 ? q + 1 : q - 1) : q;
}

/* What may be too large for 64 bits. */
#define CHECKED(name, how, a, b) \
    int64_t name; \
    if (how((int64_t)(a), (int64_t)(b), &name) || name == INT64_MIN) \
        return GIVE_UP

struct place { int word, shift; };

/* Puts blocks in order that lie within words. */
static inline void order_small(word *s, const struct place *p, int n, word mask)
{
    word b[n];
    int sorted = 1;
    for (int i = 0; i < n; i++) {
        b[i] = s[p[i].word] >> p[i].shift & mask;
        sorted &= i == 0 || b[i - 1] <= b[i];
    }
    if (sorted)
        return;
    for (int i = 1; i < n; i++) {
        word x = b[i];
        int j = i;
        for (; j > 0 && b[j - 1] > x; j--)
            b[j] = b[j - 1];
        b[j] = x;
    }
    for (int i = 0; i < n; i++)
        s[p[i].word] = (s[p[i].word] & ~(mask << p[i].shift)) | b[i] << p[i].shift;
}

/* The same of blocks of several whole words, the last of which counts most. */
static inline void order_large(word *s, const struct place *p, int n, int words)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0; j--) {
            word *a = s + p[j - 1].word, *b = s + p[j].word;
            int k = words - 1;
            while (k > 0 && a[k] == b[k])
                k--;
            if (a[k] <= b[k])
                break;
            for (k = 0; k < words; k++) {
                word x = a[k];
                a[k] = b[k];
                b[k] = x;
            }
        }
}
