/* Backward equations of a multi-type birth-death process, several end days per vector; see extinction.py. */
#define MOST 16

static inline V riccati(V q, V source, V rate, double birth, double h) {
  V square = rate * rate + 4.0 * birth * source, floor = vset(1e-200);
  V root = vsqrt(vmax(square, floor)), large = root + vabs(rate);
  V small = vmax(4.0 * birth * source, floor) / large;
  V up = vsel(rate > vset(0.0), large, small), down = vsel(rate > vset(0.0), small, large);
  V fall = vexpm1(-root * h), left = 1.0 + fall;
  return (q * (up + down * left) - 2.0 * source * fall) / vmax(down + up * left - 2.0 * birth * q * fall, vset(1e-300)); }

typedef struct {
  int64_t patients, days, types, ends; const double *day, *birth, *death, *change, *bud; const int64_t *end;
  const double *counted; double coarse, longest; double *survival; } Extinction;

static void back(V *q, int n, const double *b, const double *d, const double *change, const double *bud, double h) {
  V middle[MOST], from[MOST];
  for (int half = 1; half >= 0; half--) {
    for (int j = 0; j < n; j++) from[j] = half ? q[j] : middle[j];
    V next[MOST];
    for (int j = 0; j < n; j++) {
      V source = vset(0.0), budding = vset(0.0); double loss = b[j] - d[j];
      for (int k = 0; k < n; k++) {
        source = source + change[j * n + k] * from[k]; budding = budding + bud[j * n + k] * from[k];
        loss -= change[j * n + k]; }
      next[j] = riccati(q[j], source + budding, loss - budding, b[j], half ? 0.5 * h : h); }
    for (int j = 0; j < n; j++) if (half) middle[j] = next[j]; else q[j] = next[j]; } }

/* Steps in an interval: as many as the change of the net rates and the coupling ask for. */
static int steps_in(const Extinction *a, int64_t p, int64_t i, double h) {
  int64_t n = a->types, at = (p * a->days + i) * n; double most = 0.0;
  for (int64_t j = 0; j < n; j++) {
    double x = fabs(a->birth[at + n + j] - a->birth[at + j]) + fabs(a->death[at + n + j] - a->death[at + j]);
    for (int64_t k = 0; k < n; k++) {
      int64_t c = (at + j) * n + k;
      x += fmax(a->change[c], a->change[c + n * n]) + fmax(a->bud[c], a->bud[c + n * n]); }
    if (!isfinite(x)) return 1;
    if (x * h > most) most = x * h; }
  most = fmax(most / a->coarse, ceil(h / a->longest) - 1.0);
  return most < 4096 ? 1 + (int)most : 4096; }

int perforin_extinction(const Extinction *a) {
  int64_t n = a->types, blocks = (a->ends + LANES - 1) / LANES;
  if (n > MOST) return 1;
  for (int64_t p = 0; p < a->patients; p++) for (int64_t block = 0; block < blocks; block++) {
    V q[MOST], last = vset(-1.0); int64_t furthest = 0;
    for (int64_t j = 0; j < n; j++) q[j] = vset(a->counted[j]);
    for (int l = 0; l < LANES && block * LANES + l < a->ends; l++) {
      int64_t e = a->end[block * LANES + l];
      last[l] = (double)e; if (e > furthest) furthest = e; }
    for (int64_t i = furthest - 1; i >= 0; i--) {
      double whole = a->day[i + 1] - a->day[i], b[MOST], d[MOST], change[MOST * MOST], bud[MOST * MOST];
      int parts = steps_in(a, p, i, whole); int64_t at = (p * a->days + i) * n;
      M begun = last > vset((double)i); V before[MOST];
      for (int64_t j = 0; j < n; j++) before[j] = q[j];
      for (int s = parts - 1; s >= 0; s--) {
        double w = (s + 0.5) / parts;
        for (int64_t j = 0; j < n; j++) {
          b[j] = a->birth[at + j] + w * (a->birth[at + n + j] - a->birth[at + j]);
          d[j] = a->death[at + j] + w * (a->death[at + n + j] - a->death[at + j]); }
        for (int64_t c = 0; c < n * n; c++) {
          change[c] = a->change[at * n + c] + w * (a->change[at * n + n * n + c] - a->change[at * n + c]);
          bud[c] = a->bud[at * n + c] + w * (a->bud[at * n + n * n + c] - a->bud[at * n + c]); }
        back(q, (int)n, b, d, change, bud, whole / parts); }
      for (int64_t j = 0; j < n; j++) q[j] = vsel(begun, q[j], before[j]); }
    for (int l = 0; l < LANES && block * LANES + l < a->ends; l++)
      for (int64_t j = 0; j < n; j++) a->survival[(p * a->ends + block * LANES + l) * n + j] = q[j][l]; }
  return 0; }
