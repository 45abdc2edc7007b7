/* AES-128 (FIPS 197) with one table of words, encrypting its own output. */
typedef unsigned int u32; typedef unsigned char u8;
#ifndef ITERS
#define ITERS 200
#endif
volatile u32 g_iters = ITERS;
volatile u32 g_result;
static u8 sbox[256];
static u32 table[256];
static u32 round_keys[44];
static u8 xtime(u8 x) { return (u8)(x << 1 ^ (x >> 7) * 0x1b); }
static u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }
static void make_tables(void) {
  u8 p = 1, q = 1;
  do {
    p = (u8)(p ^ xtime(p));
    q ^= q << 1; q ^= q << 2; q ^= q << 4; if (q & 0x80) q ^= 0x09;
    u8 x = q ^ (u8)(q << 1 | q >> 7) ^ (u8)(q << 2 | q >> 6) ^ (u8)(q << 3 | q >> 5) ^ (u8)(q << 4 | q >> 4);
    sbox[p] = x ^ 0x63;
  } while (p != 1);
  sbox[0] = 0x63;
  for (int i = 0; i < 256; i++) {
    u8 s = sbox[i], d = xtime(s);
    table[i] = (u32)d << 24 | (u32)s << 16 | (u32)s << 8 | (u8)(d ^ s);
  }
}
static void expand(const u32 *key) {
  u8 rcon = 1;
  for (int i = 0; i < 4; i++) round_keys[i] = key[i];
  for (int i = 4; i < 44; i++) {
    u32 t = round_keys[i-1];
    if (i % 4 == 0) {
      t = (u32)sbox[t >> 16 & 255] << 24 | (u32)sbox[t >> 8 & 255] << 16 | (u32)sbox[t & 255] << 8 | sbox[t >> 24];
      t ^= (u32)rcon << 24; rcon = xtime(rcon);
    }
    round_keys[i] = round_keys[i-4] ^ t;
  }
}
#define COLUMN(a, b, c, d, k) (table[(a) >> 24] ^ ror(table[(b) >> 16 & 255], 8) ^ ror(table[(c) >> 8 & 255], 16) ^ ror(table[(d) & 255], 24) ^ (k))
#define LAST(a, b, c, d, k) (((u32)sbox[(a) >> 24] << 24 | (u32)sbox[(b) >> 16 & 255] << 16 | (u32)sbox[(c) >> 8 & 255] << 8 | sbox[(d) & 255]) ^ (k))
static __attribute__((noipa)) void encrypt(u32 *s) {
  const u32 *k = round_keys;
  u32 a = s[0] ^ k[0], b = s[1] ^ k[1], c = s[2] ^ k[2], d = s[3] ^ k[3];
  for (int round = 1; round < 10; round++) {
    k += 4;
    u32 e = COLUMN(a, b, c, d, k[0]), f = COLUMN(b, c, d, a, k[1]), g = COLUMN(c, d, a, b, k[2]), h = COLUMN(d, a, b, c, k[3]);
    a = e; b = f; c = g; d = h;
  }
  k += 4;
  s[0] = LAST(a, b, c, d, k[0]); s[1] = LAST(b, c, d, a, k[1]); s[2] = LAST(c, d, a, b, k[2]); s[3] = LAST(d, a, b, c, k[3]);
}
int main(void) {
  static const u32 key[4] = { 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f };
  static u32 block[4] = { 0x00112233, 0x44556677, 0x8899aabb, 0xccddeeff };
  make_tables();
  expand(key);
  encrypt(block);
  /* FIPS 197, appendix C.1. */
  u32 good = block[0] == 0x69c4e0d8 && block[3] == 0x70b4c55a;
  for (u32 n = 0; n < g_iters; n++) encrypt(block);
  g_result = good ? block[0] ^ block[3] : 0xffffffffu;
  return (int)g_result;
}
