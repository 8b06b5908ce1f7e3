/* Courses of whole cells. A state that is single is counted and changes by events (Gillespie's direct method); all
   others are followed by surroundings.c, or do not exist. The next event comes when the integral of all rates reaches
   a number drawn from the exponential distribution, so that neither reported days nor pieces of a step draw anything. */
#define STATES @STATES@
#define FIXED @FIXED@
#define AROUND @AROUND@
#define OUTPUTS @OUTPUTS@
#define EVENTS @EVENTS@
#define BLOCKS 16
#define ROW_OF 4
#define RESPONSES @RESPONSES@
#define ROWS ((EVENTS / ROW_OF + 1) * ROW_OF)
#define HYSTERESIS 2.0
#define FIRST_STEP 1e-3

static const int COUNTED[STATES] = {@COUNTED@}, FIRST[EVENTS + 1] = {@FIRST@}, WHERE[] = {@WHERE@};
static const double CHANGE[] = {@CHANGE@};
static const int INITIALLY[RESPONSES + 1] = {@INITIALLY@};
typedef double Row __attribute__((vector_size(8 * ROW_OF), aligned(8)));
typedef int64_t Mark __attribute__((vector_size(8 * ROW_OF), aligned(8)));
/* The counted state to which an event is proportional, if PROPORTIONAL is not zero. */
static const int MOTHER[ROWS] = {@MOTHER@};
static const int64_t PROPORTIONAL[ROWS] = {@PROPORTIONAL@};

static void derive(const V *restrict P, V *restrict R) {
@DERIVE@
}
/* What the rates of events need of the surroundings, and the rates themselves. */
static void surround(const V *restrict Y, const V *restrict R, V *restrict E) {
@SURROUND@
}
static void rates(const V *restrict Y, const V *restrict R, V *restrict A) {
@RATES@
}
/* The rates of the events that are proportional to nothing. */
static void other_rates(const V *restrict Y, const V *restrict R, V *restrict A) {
@OTHER_RATES@
}
static void observe(const V *restrict Y, const V *restrict R, V *restrict O) {
@OBSERVE@
}

/* Philox 4x32 with ten rounds, several blocks at once; counter: patient (two words), replicate, block. */
typedef struct { uint32_t key[2], counter[4]; int used; double number[2 * BLOCKS]; } Luck;

static void refill(Luck *luck) {
  uint32_t w[4][BLOCKS], k0 = luck->key[0], k1 = luck->key[1];
  for (int i = 0; i < BLOCKS; i++) {
    for (int j = 0; j < 4; j++) w[j][i] = luck->counter[j];
    w[3][i] += i; }
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int i = 0; i < BLOCKS; i++) {
      uint64_t a = (uint64_t)w[0][i] * 0xD2511F53u, c = (uint64_t)w[2][i] * 0xCD9E8D57u;
      w[0][i] = (uint32_t)(c >> 32) ^ w[1][i] ^ k0; w[1][i] = (uint32_t)c;
      w[2][i] = (uint32_t)(a >> 32) ^ w[3][i] ^ k1; w[3][i] = (uint32_t)a; }
  for (int i = 0; i < BLOCKS; i++) for (int j = 0; j < 2; j++) {
    uint64_t bits = ((uint64_t)w[2 * j][i] << 20) | (w[2 * j + 1][i] >> 12);
    luck->number[2 * i + j] = ((double)bits + 0.5) * 0x1p-52; }
  luck->counter[3] += BLOCKS; luck->used = 0; }

static inline double uniform(Luck *luck) {
  if (luck->used == 2 * BLOCKS) refill(luck);
  return luck->number[luck->used++]; }

static inline double exponential(Luck *luck) { return -vlog(vset(uniform(luck)))[0]; }

typedef struct {
  const double *parameters, *start; double begin; int64_t doses; const double *when, *add; const int32_t *column, *state;
  const double *keep; int64_t days; const double *day; uint32_t key[2]; int64_t patient, first, replicates, most;
  double few, change, rtol; const double *atol; int64_t shared;
  double *out; int64_t *happened; int64_t failed; double failed_day; int32_t code, place; } Task;

enum { FINE, NEGATIVE_RATE, NOT_FINITE, BELOW_ZERO, RUNAWAY, NOT_WHOLE, NOT_SOLVED, ENDLESS };

struct Step;
typedef struct {
  double Y[STATES], E[AROUND], R[FIXED], A[ROWS], live[ROWS], sum[ROW_OF], t, h, total, left;
  Luck luck; int64_t happened, before, steps, next; int single[STATES], own, outgrown, place;
  int held[RESPONSES + 1], answered[RESPONSES + 1];
  const struct Step *step; const double *around, *each; } Course;

/* Doses up to day t; returns the next one. */
static int64_t give(const Task *a, int64_t dose, double t, double *Y, double *h) {
  for (; dose < a->doses && a->when[dose] <= t; dose++) {
    int column = a->column[dose], s = a->state[column];
    Y[s] = Y[s] * a->keep[column] + a->add[dose]; *h = FIRST_STEP; }
  return dose; }

/* Where a step must end: at the next dose or on the last day. */
static double stop_of(const Task *a, int64_t dose) {
  double last = a->day[a->days - 1];
  return dose < a->doses && a->when[dose] < last ? a->when[dose] : last; }

#if @FOLLOWED@
@SURROUNDINGS@
#else
/* Every cell is counted: a step is the time until something is given. */
typedef struct Step { double t, end; int pieces; } Step;
typedef struct Path { int64_t count; } Path;
static int travel(Path *path, const Task *a, Course *c) { surround((V *)c->Y, (V *)c->R, (V *)c->E); c->around = c->E; return FINE; }
static void forget(Path *path) {}
static int partition(Course *c, const Task *a, const Path *path) {
  for (int m = 0; m < STATES; m++) if (c->Y[m] != floor(c->Y[m]) || c->Y[m] < 0.0) { c->place = m; return NOT_WHOLE; }
  return FINE; }
static int move(Course *c, const Task *a, const Path *path, Step *s, double stop) { *s = (Step){c->t, stop, 1}; c->step = s; return FINE; }
static void enter(Course *c, const Path *path, int piece) {}
static void stand(const Course *c, double t, double *Y) {}
static int lags(const Course *c, const Task *a) { return 0; }
#endif

/* Whether an event takes cells that are not there; its rate is then zero, even where the formula reads 0/0. */
static int idle(const Course *c, int event) {
  for (int i = FIRST[event]; i < FIRST[event + 1]; i++)
    if (c->single[WHERE[i]] && c->Y[WHERE[i]] + CHANGE[i] < 0.0) return 1;
  return 0; }

#if RESPONSES
@RESPONDING@
#else
static int respond(Course *c) { return FINE; }
static double notice(Course *c, double until, int *noticed) { return until; }
#endif

/* Rates, and the sums of those at the same place of each row; one that the error of the surroundings takes below zero
   counts as zero. */
static int propensities(Course *c, const Task *a, double length) {
  const double *Y = c->Y; Row sum = {0.0}; Mark odd = {0};
  if (c->each) other_rates((V *)Y, (V *)c->around, (V *)c->A);
  else rates((V *)Y, (V *)c->around, (V *)c->A);
  for (int k = 0; k < ROWS; k += ROW_OF) {
    Row *A = (Row *)&c->A[k], rate = *A; const int *mother = &MOTHER[k];
    if (c->each) {
      Row own = *(Row *)&c->each[k] * (Row){Y[mother[0]], Y[mother[1]], Y[mother[2]], Y[mother[3]]};
      rate = (Row)(((Mark)own & *(Mark *)&PROPORTIONAL[k]) | ((Mark)rate & ~*(Mark *)&PROPORTIONAL[k])); }
    *A = rate = rate * *(Row *)&c->live[k];
    sum += rate; odd |= ~(rate >= (Row){0.0}); }
  double below = 0.0;
  if (odd[0] | odd[1] | odd[2] | odd[3]) {
    sum = (Row){0.0};
    for (int k = 0; k < EVENTS; k++) {
      if (c->A[k] < 0.0) { c->place = k; below -= c->A[k]; c->A[k] = 0.0; }
      if (c->A[k] != c->A[k]) { if (c->live[k] > 0.0 && !idle(c, k)) { c->place = k; return NOT_FINITE; } c->A[k] = 0.0; }
      sum[k % ROW_OF] += c->A[k]; } }
  memcpy(c->sum, &sum, sizeof sum);
  c->total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  if (!(c->total < INFINITY)) return NOT_FINITE;
  return below * length > a->change * (1.0 + c->total * length) ? NEGATIVE_RATE : FINE; }

static int happen(Course *c, const Task *a) {
  double left = uniform(&c->luck) * c->total; int chosen = 0, column = 0;
  for (; column < ROW_OF - 1 && left >= c->sum[column]; column++) left -= c->sum[column];
  for (int k = column; k < EVENTS && left >= 0.0; k += ROW_OF) if (c->A[k] > 0.0) { chosen = k; left -= c->A[k]; }
  for (int i = FIRST[chosen]; i < FIRST[chosen + 1]; i++) if (c->single[WHERE[i]]) {
    double y = c->Y[WHERE[i]] += CHANGE[i];
    if (y < 0.0) { c->place = chosen; return BELOW_ZERO; }
    if (y > HYSTERESIS * a->few) c->outgrown = 1; }
  return ++c->happened < a->most ? FINE : RUNAWAY; }

static void report(const Course *c, const double *Y, double *out) {
  observe((V *)Y, (V *)c->R, (V *)out); }

/* One step, or its part up to what calls for a response, or for following the surroundings anew. */
static int walk(Course *c, const Task *a, const Path *path, int64_t *due, double *out) {
  const Step *s = c->step; int code, noticed = 0;
  for (int piece = 0; piece < s->pieces; piece++) {
    double to = piece + 1 == s->pieces ? s->end : s->t + (s->end - s->t) * (piece + 1) / s->pieces;
    enter(c, path, piece);
    while (c->t < to) {
      if ((code = propensities(c, a, to - c->t))) return code;
      double next = c->total > 0.0 ? c->t + c->left / c->total : INFINITY, until = notice(c, next < to ? next : to, &noticed);
      for (; *due < a->days && a->day[*due] < until; ++*due) {
        double Y[STATES];
        memcpy(Y, c->Y, sizeof Y); stand(c, a->day[*due], Y); report(c, Y, out + *due * OUTPUTS); }
      if (noticed || next > to) { c->left = fmax(c->left - c->total * (until - c->t), 0.0); c->t = until; }
      else {
        c->t = next; c->left = exponential(&c->luck);
        if ((code = happen(c, a))) return code;
        notice(c, c->t, &noticed); }
      if (noticed || c->outgrown || lags(c, a)) { stand(c, c->t, c->Y); return FINE; } } }
  stand(c, c->t, c->Y);
  return FINE; }

static int course(Course *c, const Task *a, const Path *path, double *out) {
  int64_t due = 0, dose = 0; int code; Step step;
  memcpy(c->Y, a->start, sizeof c->Y);
  for (int m = 0; m < STATES; m++) c->single[m] = !@FOLLOWED@;
  for (int k = 0; k < EVENTS; k++) c->live[k] = 1.0;
  c->happened = c->before = c->steps = c->next = c->own = c->outgrown = 0;
  for (int k = 0; k < RESPONSES; k++) { c->held[k] = INITIALLY[k]; c->answered[k] = 0; }
  c->t = a->begin; c->h = FIRST_STEP; c->left = exponential(&c->luck);
  for (; due < a->days && a->day[due] < c->t; due++) for (int o = 0; o < OUTPUTS; o++) out[due * OUTPUTS + o] = NAN;
  for (;;) {
    dose = give(a, dose, c->t, c->Y, &c->h);
    if ((code = respond(c)) || (code = partition(c, a, path))) return code;
    for (; due < a->days && a->day[due] <= c->t; due++) report(c, c->Y, out + due * OUTPUTS);
    if (due == a->days) return FINE;
    if ((code = move(c, a, path, &step, stop_of(a, dose)))) return code;
    if ((code = walk(c, a, path, &due, out))) return code; } }

int perforin_courses(Task *a) {
  Course c = {0}; Path path = {0}; uint64_t who = (uint64_t)a->patient;
  derive((V *)a->parameters, (V *)c.R);
  if (a->days == 0) return FINE;
  a->code = travel(&path, a, &c); a->failed = a->first;
  for (int64_t r = 0; r < a->replicates && !a->code; r++) {
    c.luck = (Luck){{a->key[0], a->key[1]}, {(uint32_t)who, (uint32_t)(who >> 32), (uint32_t)(a->first + r), 0}, 2 * BLOCKS, {0}};
    a->code = course(&c, a, &path, a->out + r * a->days * OUTPUTS);
    a->happened[r] = c.happened; a->failed = a->first + r; }
  a->place = c.place; a->failed_day = c.t;
  forget(&path);
  return a->code; }
