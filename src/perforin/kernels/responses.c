/* Events of the network: what is done at the moment at which a condition becomes true. One that becomes true and false
   again between two events of the course, or within a piece of a step, is not seen. */
#define TRIES 1000
static const int MOST[RESPONSES] = {@MOST@}, ASSIGNMENT[RESPONSES + 1] = {@ASSIGNMENT@}, TARGET[] = {@TARGET@};

static void judge(const V *restrict Y, const V *restrict R, V time, M *restrict C) {
@JUDGE@
}
static void answer(const V *restrict Y, const V *restrict R, V time, V *restrict A) {
@ANSWER@
}

/* The first event in order that is called for, or -1. */
static int called(const Course *c, const double *Y, double t, M *C) {
  judge((V *)Y, (V *)c->R, vset(t), C);
  for (int k = 0; k < RESPONSES; k++) if (C[k][0] && !c->held[k] && c->answered[k] < MOST[k]) return k;
  return -1; }

/* The first moment until the given one at which something is called for; the states counted stay as they are. */
static double notice(Course *c, double until, int *noticed) {
  M C[RESPONSES]; double Y[STATES], low = c->t, high = until;
  memcpy(Y, c->Y, sizeof Y); stand(c, high, Y);
  *noticed = called(c, Y, high, C) >= 0;
  for (double middle = 0.5 * (low + high); *noticed && middle > low && middle < high; middle = 0.5 * (low + high)) {
    stand(c, middle, Y);
    *(called(c, Y, middle, C) >= 0 ? &high : &low) = middle; }
  if (!*noticed) for (int k = 0; k < RESPONSES; k++) c->held[k] = C[k][0] != 0;
  return high; }

/* Everything that is called for now, one after another, each condition judged again before the next acts. */
static int respond(Course *c) {
  M C[RESPONSES]; double A[sizeof TARGET / sizeof *TARGET]; int k;
  for (int tries = 0; (k = called(c, c->Y, c->t, C)) >= 0; tries++) {
    if (tries == TRIES) { c->place = k; return ENDLESS; }
    for (int j = 0; j < RESPONSES; j++) if (!C[j][0]) c->held[j] = 0;
    answer((V *)c->Y, (V *)c->R, vset(c->t), (V *)A);
    for (int i = ASSIGNMENT[k]; i < ASSIGNMENT[k + 1]; i++) c->Y[TARGET[i]] = A[i];
    c->held[k] = 1; c->answered[k]++; c->own = 1; c->h = FIRST_STEP; }
  for (int j = 0; j < RESPONSES; j++) c->held[j] = C[j][0] != 0;
  return FINE; }
