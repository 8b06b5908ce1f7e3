/* Rodas5P, one patient per SIMD lane: every lane has its own time and step and is refilled from the queue.
   Lanes never meet in arithmetic, so a patient's numbers do not depend on company, order, thread or chunk. */
#define STATES @STATES@
#define PARAMETERS @PARAMETERS@
#define FIXED @FIXED@
#define OUTPUTS @OUTPUTS@
#define FACTORS @FACTORS@
#define DENSE @DENSE@
#define STAGES 8

static __attribute__((noinline)) void derive(const V *restrict P, V *restrict R) {
@DERIVE@
}
/* Adds the slopes to F. */
static __attribute__((noinline)) void slope(const V *restrict Y, const V *restrict R, V *restrict F) {
@SLOPE@
}
static __attribute__((noinline)) void linearise(const V *restrict Y, const V *restrict R, V ihg, V *restrict F, V *restrict W) {
@LINEARISE@
}
static __attribute__((noinline)) void decompose(V *restrict W) {
@DECOMPOSE@
}
static __attribute__((noinline)) void solve(const V *restrict W, V *restrict B) {
@SOLVE@
}
static __attribute__((noinline)) void observe(const V *restrict Y, const V *restrict R, V *restrict O) {
@OBSERVE@
}
static const double DENSE_C[3][STAGES] = {@DENSE_C@};
static const int SEEN[DENSE + 1] = {@SEEN@};

static __attribute__((noinline)) void step(const V *restrict Y, const V *restrict R, V h, V *restrict W, V *restrict Y1, V (*restrict K)[STATES]) {
  V U[STATES], ih = 1.0 / h;
  linearise(Y, R, ih * @INVERSE_GAMMA@, K[0], W);
  decompose(W);
  solve(W, K[0]);
@STAGES_C@
  for (int m = 0; m < STATES; m++) Y1[m] = U[m] + K[7][m]; }

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#define FLUSH unsigned int kept = _mm_getcsr(); _mm_setcsr(kept | 0x8040)
#define RESTORE _mm_setcsr(kept)
#else
#define FLUSH
#define RESTORE
#endif

typedef struct {
  int64_t count; const int64_t *who; const double *parameters, *start, *begin;
  int64_t events; const double *when, *add; const int32_t *column; int64_t stride; const int32_t *state; const double *keep;
  int64_t days; const double *day; double rtol; const double *atol; double first, least; int32_t most;
  double *out; int8_t *code; int32_t *place, *steps; double *failed; } Task;

typedef struct {
  V Y[STATES], Y1[STATES], P[PARAMETERS], R[FIXED], K[STAGES][STATES], D[3][DENSE + 1], U[STATES], O[OUTPUTS], W[FACTORS];
  double t[LANES], h[LANES], stop[LANES]; int64_t id[LANES], event[LANES], due[LANES]; int rejected[LANES], n[LANES]; } Work;
#define LANE(A, i, l) (((double *)&(A)[i])[l])

static void load(Work *w, const Task *a, int l, int64_t who, int idle) {
  for (int i = 0; i < PARAMETERS; i++) LANE(w->P, i, l) = a->parameters[who * PARAMETERS + i];
  for (int i = 0; i < STATES; i++) LANE(w->Y, i, l) = a->start[who * STATES + i];
  w->t[l] = a->begin[who]; w->h[l] = a->first; w->event[l] = w->due[l] = w->rejected[l] = w->n[l] = 0;
  w->id[l] = idle ? -1 : who;
  if (idle) { w->stop[l] = INFINITY; return; }
  while (w->due[l] < a->days && a->day[w->due[l]] < w->t[l]) {
    for (int o = 0; o < OUTPUTS; o++) a->out[(who * a->days + w->due[l]) * OUTPUTS + o] = NAN;
    w->due[l]++; } }

static void apply_events(Work *w, const Task *a, int l) {
  const double *when = a->when + w->id[l] * a->events, *add = a->add + w->id[l] * a->events;
  const int32_t *column = a->column + w->id[l] * a->stride;
  int happened = 0;
  for (; w->event[l] < a->events && when[w->event[l]] <= w->t[l]; w->event[l]++, happened = 1) {
    int c = column[w->event[l]], s = a->state[c];
    LANE(w->Y, s, l) = LANE(w->Y, s, l) * a->keep[c] + add[w->event[l]]; }
  if (happened) { w->h[l] = a->first; w->rejected[l] = 0; }
  double next = w->event[l] < a->events ? when[w->event[l]] : INFINITY, last = a->day[a->days - 1];
  w->stop[l] = next < last ? next : last; }

static void write_lane(Work *w, const Task *a, int l) {
  double *to = a->out + (w->id[l] * a->days + w->due[l]) * OUTPUTS;
  for (int o = 0; o < OUTPUTS; o++) to[o] = LANE(w->O, o, l);
  w->due[l]++; }

/* Events and outputs that fall on a lane's present time; finished lanes are refilled. Returns lanes at work. */
static int settle(Work *w, const Task *a, int64_t *next, int *arrived) {
  for (;;) {
    int fresh = 0, any = 0, active = 0;
    for (int l = 0; l < LANES; l++) {
      if (w->id[l] >= 0 && w->due[l] >= a->days) {
        a->steps[w->id[l]] += w->n[l];
        if (*next < a->count) load(w, a, l, a->who[(*next)++], 0); else load(w, a, l, a->who[0], 1);
        fresh = arrived[l] = 1; }
      if (w->id[l] < 0) continue;
      active++;
      if (arrived[l]) apply_events(w, a, l);
      if (w->due[l] >= a->days || a->day[w->due[l]] <= w->t[l]) any = 1; }
    if (fresh) derive(w->P, w->R);
    if (!any) return active;
    observe(w->Y, w->R, w->O);
    for (int l = 0; l < LANES; l++) {
      arrived[l] = 0;
      if (w->id[l] >= 0 && w->due[l] < a->days && a->day[w->due[l]] <= w->t[l]) write_lane(w, a, l); } } }

static void dense(Work *w, const Task *a, const int *ok, const double *hv, const double *tn) {
  int any = 0;
  for (int l = 0; l < LANES; l++) any |= ok[l] && a->day[w->due[l]] < tn[l];
  if (!any) return;
  for (int q = 0; q < 3; q++) for (int s = 0; s < DENSE; s++) {
    int m = SEEN[s]; V x = DENSE_C[q][0] * w->K[0][m];
    for (int j = 1; j < STAGES; j++) x = x + DENSE_C[q][j] * w->K[j][m];
    w->D[q][s] = x; }
  for (;;) {
    V th = vset(0.0); int due[LANES];
    any = 0;
    for (int l = 0; l < LANES; l++) {
      due[l] = ok[l] && w->due[l] < a->days && a->day[w->due[l]] < tn[l];
      if (due[l]) { LANE(&th, 0, l) = (a->day[w->due[l]] - w->t[l]) / hv[l]; any = 1; } }
    if (!any) return;
    V om = 1.0 - th;
    for (int s = 0; s < DENSE; s++) { int m = SEEN[s];
      w->U[m] = om * w->Y[m] + th * (w->Y1[m] + om * (w->D[0][s] + th * (w->D[1][s] + th * w->D[2][s]))); }
    observe(w->U, w->R, w->O);
    for (int l = 0; l < LANES; l++) if (due[l]) write_lane(w, a, l); } }

/* The lane gives up: its outputs become NaN; the state that erred most and the day are kept for the message. */
static void fail(Work *w, const Task *a, int l, int code) {
  int64_t id = w->id[l]; double worst = -1.0;
  a->code[id] = (int8_t)code; a->failed[id] = w->t[l];
  for (int m = 0; m < STATES; m++) {
    double y = LANE(w->Y, m, l), y1 = LANE(w->Y1, m, l), e = LANE(w->K[7], m, l);
    double r = fabs(e) / (a->atol[m] + a->rtol * fmax(fabs(y), fabs(y1)));
    if (!(r <= worst)) { worst = isfinite(r) ? r : INFINITY; a->place[id] = m; if (!isfinite(r)) break; } }
  for (int64_t d = 0; d < a->days; d++) for (int o = 0; o < OUTPUTS; o++) a->out[(id * a->days + d) * OUTPUTS + o] = NAN;
  w->due[l] = a->days; }

static void advance(Work *w, const Task *a, int *arrived) {
  V hv; double *hp = (double *)&hv; int hit[LANES], ok[LANES]; double tn[LANES];
  for (int l = 0; l < LANES; l++) {
    double left = w->stop[l] - w->t[l], h = w->h[l];
    hit[l] = h >= left * (1 - 1e-12);
    hp[l] = hit[l] ? left : h > 0.5 * left ? 0.5 * left : h; }
  step(w->Y, w->R, hv, w->W, w->Y1, w->K);
  V sum = vset(0.0);
  for (int m = 0; m < STATES; m++) {
    V e = w->K[7][m] / (a->atol[m] + a->rtol * vmax(vabs(w->Y[m]), vabs(w->Y1[m])));
    sum = sum + e * e; }
  sum = sum * (1.0 / STATES);
  V factor = 0.9 * vpow(vmax(sum, vset(1e-30)), vset(-0.1));
  for (int l = 0; l < LANES; l++) {
    double error = LANE(&sum, 0, l), grow = LANE(&factor, 0, l);
    ok[l] = arrived[l] = 0; tn[l] = w->t[l];
    if (w->id[l] < 0) continue;
    w->n[l]++;
    if (error <= 1.0) {
      grow = grow > 6.0 ? 6.0 : grow < 0.2 ? 0.2 : grow;
      if (w->rejected[l] && grow > 1.0) grow = 1.0;
      double h = hp[l] * grow;
      if (!hit[l] || grow < 1.0 || h > w->h[l]) w->h[l] = h;
      w->rejected[l] = 0; ok[l] = 1; arrived[l] = hit[l];
      tn[l] = hit[l] ? w->stop[l] : w->t[l] + hp[l]; }
    else {
      w->rejected[l] = 1;
      w->h[l] = hp[l] * (grow > 0.1 && error < 1e300 ? grow : 0.1);
      if (w->h[l] < a->least) fail(w, a, l, error < 1e300 ? 2 : 1); }
    if (w->n[l] >= a->most && w->due[l] < a->days && !(ok[l] && tn[l] >= a->day[a->days - 1])) { fail(w, a, l, 3); ok[l] = 0; } }
  dense(w, a, ok, hp, tn);
  M taken;
  for (int l = 0; l < LANES; l++) { w->t[l] = tn[l]; taken[l] = ok[l] ? -1 : 0; }
  for (int m = 0; m < STATES; m++) w->Y[m] = vsel(taken, w->Y1[m], w->Y[m]); }

int perforin_run(const Task *a) {
  Work work, *w = &work; int arrived[LANES]; int64_t next = 0;
  if (a->count == 0 || a->days == 0) return 0;
  FLUSH;
  memset(w, 0, sizeof work);
  for (int l = 0; l < LANES; l++) {
    arrived[l] = 1;
    if (next < a->count) load(w, a, l, a->who[next++], 0); else load(w, a, l, a->who[0], 1); }
  derive(w->P, w->R);
  while (settle(w, a, &next, arrived) > 0) advance(w, a, arrived);
  RESTORE;
  return 0; }

/* For tests: slopes and Jacobian rows at given states, one patient per call. */
int perforin_linearise(const double *state, const double *parameters, double *slopes, double *matrix) {
  V Y[STATES], P[PARAMETERS], R[FIXED], F[STATES], W[FACTORS];
  for (int i = 0; i < STATES; i++) Y[i] = vset(state[i]);
  for (int i = 0; i < PARAMETERS; i++) P[i] = vset(parameters[i]);
  derive(P, R);
  linearise(Y, R, vset(0.0), F, W);
  for (int i = 0; i < STATES; i++) slopes[i] = F[i][0];
  for (int i = 0; i < FACTORS; i++) matrix[i] = -W[i][0];
  return 0; }
