/* The reference for the bulk scanner: sums the third field of every line, fields as AWK's.
 *   column_sum PATH
 * Reads 256 KiB at a time; finds line ends and field starts 64 bytes at a time as bit masks (SIMD where the
 * compiler has it). Prints: sum seconds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { CHUNK = 256 * 1024, BLOCK = 64, COLUMN = 3 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* One bit per byte of a block: is it a newline; is it a newline, a space or a tab. */
static inline void classify(const char *p, uint64_t *newlines, uint64_t *blanks) {
    uint64_t n = 0, b = 0;
#if defined __AVX2__
    for (int i = 0; i < BLOCK; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(p + i));
        __m256i is_newline = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n'));
        __m256i is_blank = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(' ')),
                                           _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t')));
        n |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_newline) << i;
        b |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_or_si256(is_newline, is_blank)) << i;
    }
#elif defined __SSE2__
    for (int i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        __m128i is_newline = _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'));
        __m128i is_blank =
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\t')));
        n |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_newline) << i;
        b |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(is_newline, is_blank)) << i;
    }
#else
    for (int i = 0; i < BLOCK; i++) {
        n |= (uint64_t)(p[i] == '\n') << i;
        b |= (uint64_t)(p[i] == '\n' || p[i] == ' ' || p[i] == '\t') << i;
    }
#endif
    *newlines = n;
    *blanks = b;
}

static inline double number(const char *p) {
    double sign = 1, value = 0, scale = 1;
    if (*p == '-') sign = -1, p++;
    for (; *p >= '0' && *p <= '9'; p++) value = value * 10 + (*p - '0');
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++) value = value * 10 + (*p - '0'), scale *= 10;
    return sign * value / scale;
}

/* Whole lines in `text`; the bytes behind `length` are readable and not digits. */
static double sum_lines(const char *text, size_t length) {
    double sum = 0;
    unsigned fields = 0;
    uint64_t after_blank = 1;
    for (size_t at = 0; at < length; at += BLOCK) {
        uint64_t newlines, blanks;
        classify(text + at, &newlines, &blanks);
        uint64_t inside = length - at >= BLOCK ? ~0ull : (1ull << (length - at)) - 1;
        newlines &= inside;
        uint64_t starts = ~blanks & (blanks << 1 | after_blank) & inside;
        after_blank = blanks >> 63;
        while (starts | newlines) {
            if (fields >= COLUMN) { /* the rest of this line does not matter */
                if (!newlines) break;
                starts &= -(newlines & -newlines);
                newlines &= newlines - 1;
                fields = 0;
                continue;
            }
            uint64_t first = (starts | newlines) & -(starts | newlines);
            if (first & newlines) {
                newlines ^= first;
                fields = 0;
            } else {
                starts ^= first;
                if (++fields == COLUMN) sum += number(text + at + __builtin_ctzll(first));
            }
        }
    }
    return sum;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: column_sum PATH\n"), 2;
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    char *buffer = calloc(1, 2 * CHUNK + BLOCK);
    size_t held = 0;
    double sum = 0, began = now();
    for (ssize_t got; (got = read(fd, buffer + held, CHUNK)) > 0;) {
        size_t end = held + got;
        char *newline = memrchr(buffer, '\n', end);
        size_t whole = newline ? newline + 1 - buffer : 0;
        sum += sum_lines(buffer, whole);
        held = end - whole;
        if (held > CHUNK) return fprintf(stderr, "a line is too long\n"), 1;
        memmove(buffer, buffer + whole, held);
    }
    buffer[held] = '\n';
    sum += sum_lines(buffer, held);
    printf("%.2f %.6f\n", sum, now() - began);
    return 0;
}
