/* A FIR filter in Q15 with SMLAD, two products an instruction, as CMSIS-DSP does it. */
#include <arm_acle.h>
typedef unsigned int u32; typedef short s16;
#ifndef ITERS
#define ITERS 200
#endif
#define TAPS 64
#define BLOCK 64
volatile u32 g_iters = ITERS;
volatile u32 g_result;
static s16 coefficients[TAPS] __attribute__((aligned(4)));
static s16 samples[TAPS + BLOCK] __attribute__((aligned(4)));
static s16 output[BLOCK];
static __attribute__((noipa)) void fir(const s16 *x, const s16 *h, s16 *y, int n) {
  for (int i = 0; i < n; i += 2) {
    const u32 *p = (const u32 *)(x + i), *c = (const u32 *)h;
    int sum = 0;
    for (int k = 0; k < TAPS / 2; k++) sum = __smlad((int)*p++, (int)*c++, sum);
    y[i] = (s16)__ssat(sum >> 15, 16);
    y[i + 1] = (s16)__ssat(sum >> 14, 16);
  }
}
int main(void) {
  u32 seed = 1, result = 0;
  for (int k = 0; k < TAPS; k++) coefficients[k] = (s16)(k * 97 - 3000);
  for (int i = 0; i < TAPS + BLOCK; i++) { seed = seed * 1664525u + 1013904223u; samples[i] = (s16)(seed >> 16); }
  for (u32 n = 0; n < g_iters; n++) {
    fir(samples, coefficients, output, BLOCK);
    for (int i = 0; i < BLOCK; i++) result = result * 31 + (unsigned short)output[i];
    for (int i = 0; i < 8; i++) samples[(n * 8 + i) % (TAPS + BLOCK)] = (s16)(result >> i);
  }
  g_result = result;
  return (int)result;
}
