/* A FIR filter in single precision: 32 coefficients over blocks of 64 samples, as a DSP library would do it in C. */
typedef unsigned int u32;
#ifndef ITERS
#define ITERS 200
#endif
#define TAPS 32
#define BLOCK 64
volatile u32 g_iters = ITERS;
volatile u32 g_result;
static float coefficients[TAPS];
static float samples[TAPS + BLOCK];
static float output[BLOCK];
static __attribute__((noipa)) void fir(const float *x, const float *h, float *y, int n) {
  for (int i = 0; i < n; i++) {
    float sum = 0.0f;
    const float *p = x + i;
    for (int k = 0; k < TAPS; k++) sum += h[k] * p[k];
    y[i] = sum;
  }
}
int main(void) {
  u32 seed = 1, result = 0;
  for (int k = 0; k < TAPS; k++) coefficients[k] = (float)(k + 1) / (TAPS * TAPS);
  for (int i = 0; i < TAPS + BLOCK; i++) {
    seed = seed * 1664525u + 1013904223u;
    samples[i] = (float)(int)seed / 2147483648.0f;
  }
  for (u32 n = 0; n < g_iters; n++) {
    fir(samples, coefficients, output, BLOCK);
    union { float f; u32 u; } last = { output[BLOCK - 1] };
    result = result * 31 + last.u;
    /* What comes out is part of what goes in next. */
    for (int i = 0; i < 8; i++) samples[(n * 8 + i) % (TAPS + BLOCK)] = output[i * 8] * 1.5f - samples[i];
    for (int i = 0; i < TAPS + BLOCK; i++) if (samples[i] > 1.0f || samples[i] < -1.0f) samples[i] *= 0.25f;
  }
  g_result = result;
  return (int)result;
}
