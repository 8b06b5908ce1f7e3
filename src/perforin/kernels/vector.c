/* Vectors of doubles with exp, log and pow; one patient (or one end day) per lane. GCC and Clang vector extensions. */
#define LANES @LANES@
#ifndef __CUDACC__
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
typedef double V __attribute__((vector_size(8 * LANES)));
typedef int64_t M __attribute__((vector_size(8 * LANES)));
typedef uint64_t N __attribute__((vector_size(8 * LANES)));
#endif
static inline V vset(double x) { V r; for (int i = 0; i < LANES; i++) r[i] = x; return r; }
static inline V vsel(M m, V a, V b) { return (V)(((M)a & m) | ((M)b & ~m)); }
static inline V vabs(V a) { return (V)((M)a & 0x7fffffffffffffffLL); }
static inline V vmax(V a, V b) { return vsel((a > b) | (a != a), a, b); }
static inline V vstep(V a) { return vsel(a > vset(0.0), vset(1.0), vset(0.0)); }
static inline V vsqrt(V a) { V r; for (int i = 0; i < LANES; i++) r[i] = __builtin_sqrt(a[i]); return r; }
/* The larger and the smaller of two, one instruction each; a NaN in the second operand is lost. */
static inline V vover(V a, V b) { V r; for (int i = 0; i < LANES; i++) r[i] = b[i] > a[i] ? b[i] : a[i]; return r; }
static inline V vunder(V a, V b) { V r; for (int i = 0; i < LANES; i++) r[i] = b[i] < a[i] ? b[i] : a[i]; return r; }
/* Logarithm of a positive normal number after fdlibm (Sun Microsystems 1993): x = 2^k (1+f), error below one unit in the
   last place. Exponents become doubles by their bits: below AVX-512 there is no instruction that converts them. */
static inline V vlog_normal(V x) {
  N ix = (N)x, t = ix + 0x00095f619980c433ULL;
  V m = (V)(ix - (t & 0xfff0000000000000ULL) + 0x3ff0000000000000ULL), kd = (V)((t >> 52) | 0x4330000000000000ULL) - 4503599627371519.0;
  V f = m - 1.0, s = f / (2.0 + f), z = s * s, w = z * z;
  V even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  V odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  V half = 0.5 * f * f;
  return kd * 6.93147180369123816490e-01 - ((half - (s * (half + odd + even) + kd * 1.90821492927058770002e-10)) - f); }
static inline V vlog(V x) {
  V r = vlog_normal(vover(vset(2.3e-308), x));
  r = vsel(x > vset(0.0), r, vsel(x == vset(0.0), vset(-INFINITY), vset(NAN)));
  return vsel(x == vset(INFINITY), x, r); }
/* Exponential of a number from -708 to 709: reduce by multiples of log 2, then Taylor to order 12. */
static inline V vexp_normal(V x) {
  V kf = x * 1.4426950408889634 + 6755399441055744.0;
  M k = (M)kf;
  kf = kf - 6755399441055744.0;
  V r = (x - kf * 6.93147180369123816490e-01) - kf * 1.90821492927058770002e-10;
  V q = r * (1.0 + r * (0.5 + r * (1. / 6 + r * (1. / 24 + r * (1. / 120 + r * (1. / 720 + r * (1. / 5040 + r * (1. / 40320
        + r * (1. / 362880 + r * (1. / 3628800 + r * (1. / 39916800 + r * (1. / 479001600))))))))))));
  return (V)((M)(q + 1.0) + (k << 52)); }
static inline V vexp(V x) {
  V e = vexp_normal(vunder(vset(709.0), vover(vset(-708.0), x)));
  e = vsel(x > vset(709.0), vset(INFINITY), vsel(x < vset(-708.0), vset(0.0), e));
  return vsel(x != x, x, e); }
/* exp(x) - 1 for x <= 0, exact near zero. */
static inline V vexpm1(V x) {
  V y = vsel(x < vset(-708.0), vset(-708.0), x);
  V kf = y * 1.4426950408889634 + 6755399441055744.0;
  M k = (M)kf;
  kf = kf - 6755399441055744.0;
  V r = (y - kf * 6.93147180369123816490e-01) - kf * 1.90821492927058770002e-10;
  V q = r * (1.0 + r * (0.5 + r * (1. / 6 + r * (1. / 24 + r * (1. / 120 + r * (1. / 720 + r * (1. / 5040 + r * (1. / 40320
        + r * (1. / 362880 + r * (1. / 3628800 + r * (1. / 39916800 + r * (1. / 479001600))))))))))));
  V two = (V)((M)vset(1.0) + (k << 52));
  return two * q + (two - 1.0); }
/* x to the power of n, for x >= 0; bounded by e^-708 and e^709. */
static inline V vpow(V x, V n) {
  V y = n * vlog_normal(vover(vset(1e-300), x)), e = vexp_normal(vunder(vset(709.0), vover(vset(-708.0), y)));
  return vsel((x != x) | (y != y), vset(NAN), e); }
