/* Events: the first moment of a step at which a condition becomes true ends the step; then its assignments act.
   A condition that becomes true and false again within a quarter of a step is not seen. */
#if EVENTS
#define TRIES 1000
static __attribute__((noinline)) void judge(const V *restrict Y, const V *restrict R, const V *restrict Q, V time, M *restrict C) {
@JUDGE@
}
static __attribute__((noinline)) void follow(const V *restrict Y, const V *restrict R, V time, V *restrict E) {
@FOLLOW@
}
static __attribute__((noinline)) void answer(const V *restrict Y, const V *restrict R, const V *restrict Q, V time, V *restrict A) {
@ANSWER@
}
enum { HIGHEST, LOWEST, DAYS };
static const int MOST[EVENTS] = {@MOST@}, INITIALLY[EVENTS] = {@INITIALLY@}, FIRST[EVENTS + 1] = {@FIRST@}, TARGET[] = {@TARGET@};
static const int RUNNING_KIND[RUNNING + 1] = {@RUNNING_KIND@};
static const double RUNNING_FROM[RUNNING + 1] = {@RUNNING_FROM@}, RUNNING_UNTIL[RUNNING + 1] = {@RUNNING_UNTIL@};

/* What has been shown so far, led on from t0, where the followed expressions were E0, to t1, where they are E1. */
static void lead_on(V *Q, const V *E0, const V *E1, V t0, V t1) {
  for (int i = 0; i < RUNNING; i++) {
    M on = (t0 >= vset(RUNNING_FROM[i])) & (t1 <= vset(RUNNING_UNTIL[i]));
    V up = vmax(E0[i], vset(0.0)) + vmax(E1[i], vset(0.0)), size = vabs(E0[i]) + vabs(E1[i]), next;
    if (RUNNING_KIND[i] == HIGHEST) next = vmax(Q[i], E1[i]);
    else if (RUNNING_KIND[i] == LOWEST) next = -vmax(-Q[i], -E1[i]);
    else next = Q[i] + (t1 - t0) * vsel(size > vset(0.0), up / size, vset(0.0));
    Q[i] = vsel(on, next, Q[i]); } }

static M rising(const Work *w, const M *C) {
  M any = (M)vset(0.0);
  for (int k = 0; k < EVENTS; k++) {
    M left = (M)vset(0.0);
    for (int l = 0; l < LANES; l++) left[l] = w->happened[k][l] < MOST[k] ? -1 : 0;
    any |= C[k] & ~w->held[k] & left; }
  return any; }

/* State, running quantities and conditions the fraction th of the step behind, led on from the fraction `since`. */
static void look(Work *w, V h, V since, V th, V *Q, V *E, M *C) {
  between(w, th);
  follow(w->U, w->R, w->t + th * h, E);
  for (int i = 0; i < RUNNING; i++) Q[i] = w->Q[i];
  lead_on(Q, w->E, E, w->t + since * h, w->t + th * h);
  judge(w->U, w->R, Q, w->t + th * h, C); }

/* The fraction of the step done when the first condition becomes true, 1 where none does; `fired` marks those lanes. */
static V watch(Work *w, M taken, V h, M *fired) {
  V share = vset(1.0), Q[RUNNING + 1], E[RUNNING + 1]; M C[EVENTS], open = taken;
  *fired = (M)vset(0.0);
  for (int j = 1; j <= QUARTERS; j++) {
    V since = vset((j - 1.0) / QUARTERS), now = vset(j * 1.0 / QUARTERS);
    look(w, h, since, now, Q, E, C);
    M rise = open & rising(w, C);
    if (some(rise)) {
      V low = since, high = now;
      for (int i = 0; i < HALVINGS; i++) {
        V middle = 0.5 * (low + high);
        look(w, h, since, middle, Q, E, C);
        M up = rising(w, C);
        high = vsel(up, middle, high); low = vsel(up, low, middle); }
      now = vsel(rise, high, now);
      share = vsel(rise, now, share);
      *fired |= rise;
      look(w, h, since, now, Q, E, C); }
    for (int i = 0; i < RUNNING; i++) { w->Q[i] = vsel(open, Q[i], w->Q[i]); w->E[i] = vsel(open, E[i], w->E[i]); }
    open &= ~rise;
    for (int k = 0; k < EVENTS; k++) w->held[k] = (w->held[k] & ~open) | (C[k] & open); }
  return share; }

static void expect(Work *w, const Task *a, int l) {
  for (int i = 0; i < RUNNING; i++)
    LANE(w->Q, i, l) = RUNNING_KIND[i] == HIGHEST ? -INFINITY : RUNNING_KIND[i] == LOWEST ? INFINITY : 0.0;
  for (int k = 0; k < EVENTS; k++) {
    double *to = a->fired + (w->id[l] * EVENTS + k) * 2;
    w->held[k][l] = INITIALLY[k] ? -1 : 0; w->happened[k][l] = 0; to[0] = NAN; to[1] = 0.0; } }

/* Assignments of every event whose condition is newly true in the lanes `here`, one after another, each condition judged
   again before the next acts. Returns the lanes in which that does not come to an end. */
static M respond(Work *w, const Task *a, M here) {
  M C[EVENTS]; V A[sizeof TARGET / sizeof *TARGET], E[RUNNING + 1]; M busy = here;
  for (int tries = 0; some(busy) && tries < TRIES; tries++) {
    follow(w->Y, w->R, w->t, E);
    for (int i = 0; i < RUNNING; i++) w->E[i] = vsel(busy, E[i], w->E[i]);
    V Q[RUNNING + 1];
    for (int i = 0; i < RUNNING; i++) Q[i] = w->Q[i];
    lead_on(Q, w->E, w->E, w->t, w->t);
    for (int i = 0; i < RUNNING; i++) w->Q[i] = vsel(busy, Q[i], w->Q[i]);
    judge(w->Y, w->R, w->Q, w->t, C);
    answer(w->Y, w->R, w->Q, w->t, A);
    for (int l = 0; l < LANES; l++) if (busy[l]) {
      busy[l] = 0;
      for (int k = 0; k < EVENTS; k++) if (!C[k][l] || w->happened[k][l] >= MOST[k]) w->held[k][l] = C[k][l];
      for (int k = 0; k < EVENTS && !busy[l]; k++) {
        if (!C[k][l] || w->held[k][l]) continue;
        w->held[k][l] = -1;
        for (int i = FIRST[k]; i < FIRST[k + 1]; i++) LANE(w->Y, TARGET[i], l) = LANE(A, i, l);
        double *to = a->fired + (w->id[l] * EVENTS + k) * 2;
        if (!w->happened[k][l]++) to[0] = w->t[l];
        to[1] += 1.0; begin_anew(w, a, l); busy[l] = -1; } } }
  return busy; }
#else
#define expect(w, a, l)
#endif
