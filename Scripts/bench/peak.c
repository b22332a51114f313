// Prints the machine's float32 peak in GFLOP/s: fused multiply-adds between registers alone, on each of THREADS threads at
// once by their own processor time, the best of ROUNDS short rounds. For the share of it that a whole pass reaches.
//
// usage: peak [THREADS] [ROUNDS]      cc -O2 -pthread peak.c -o peak
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// Two pipes of four cycles' latency want 8 sums at least.
enum { sums = 16, steps = 4000000 };

#define LOOP(NAME, LANES, TARGET)                                                                                  \
    TARGET static double NAME(void) {                                                                              \
        typedef float vector __attribute__((vector_size(LANES * 4)));                                              \
        vector s[sums], a, b;                                                                                      \
        for (int l = 0; l < LANES; l++) a[l] = 0.999f, b[l] = 0.001f;                                              \
        for (int i = 0; i < sums; i++) s[i] = a + b * (float)i;                                                    \
        for (int step = 0; step < steps; step++) {                                                                 \
            _Pragma("GCC unroll 16") for (int i = 0; i < sums; i++) s[i] = s[i] * a + b;                           \
            __asm__ volatile("" : "+v"(a));                                                                        \
        }                                                                                                          \
        volatile float used = 0;                                                                                   \
        for (int i = 0; i < sums; i++) used += s[i][0];                                                            \
        return 2.0 * LANES * sums * steps;                                                                         \
    }

#if defined(__x86_64__)
LOOP(wide, 16, __attribute__((target("avx512f,fma"))))
LOOP(middle, 8, __attribute__((target("avx2,fma"))))
#endif
LOOP(narrow, 4, )

static double run(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return wide();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return middle();
#endif
    return narrow();
}

// The thread's rate.
static void *work(void *result) {
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    double operations = run();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    *(double *)result = operations / ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec));
    return 0;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 1, rounds = count > 2 ? atoi(arguments[2]) : 5;
    if (threads < 1 || threads > 256) return 64;
    double best = 0;
    for (int round = 0; round < rounds; round++) {
        pthread_t handles[256];
        double rates[256], total = 0;
        for (int i = 0; i < threads; i++)
            if (pthread_create(handles + i, 0, work, rates + i)) return 71;
        for (int i = 0; i < threads; i++) {
            pthread_join(handles[i], 0);
            total += rates[i];
        }
        if (total > best) best = total;
    }
    printf("%.1f\n", best);
    return 0;
}
