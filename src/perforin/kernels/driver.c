/* Lanes and their queue: every lane has its own time and step and is refilled when its patient is done.
   Lanes never meet in arithmetic (but where patients go together), so a patient's numbers do not depend on company,
   order, thread or chunk. */
static void load(Work *w, const Task *a, int l, int64_t who, int idle) {
  for (int i = 0; i < PARAMETERS; i++) LANE(w->P, i, l) = a->parameters[who * PARAMETERS + i];
  for (int i = 0; i < STATES; i++) LANE(w->Y, i, l) = a->start[who * STATES + i];
  w->t[l] = a->begin[who]; w->event[l] = w->due[l] = w->n[l] = 0;
  begin_anew(w, a, l);
  w->id[l] = idle ? -1 : who;
  if (idle) { w->stop[l] = INFINITY; return; }
  forget(w, a, l);
  expect(w, a, l);
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
  if (happened) begin_anew(w, a, l);
  double next = a->day[a->days - 1];
  if (w->event[l] < a->events && when[w->event[l]] < next) next = when[w->event[l]];
  for (int64_t e = 0; e < a->edges; e++) if (a->edge[e] > w->t[l] && a->edge[e] < next) next = a->edge[e];
  w->stop[l] = next; }

static void write_lane(Work *w, const Task *a, int l) {
  double *to = a->out + (w->id[l] * a->days + w->due[l]) * OUTPUTS;
  for (int o = 0; o < OUTPUTS; o++) to[o] = LANE(w->O, o, l);
  w->due[l]++; }

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

/* Events and outputs that fall on a lane's present time; finished lanes are refilled. Returns lanes at work. */
static int settle(Work *w, const Task *a, int64_t *next, int *arrived) {
  for (;;) {
    int fresh = 0, any = 0, active = 0;
    for (int l = 0; l < LANES; l++) {
      if (w->id[l] >= 0 && w->due[l] >= a->days) {
        a->steps[w->id[l]] += w->n[l];
        if (!a->code[w->id[l]]) hand_over(w, a, l);
        if (*next < a->count) load(w, a, l, a->who[(*next)++], 0); else load(w, a, l, a->who[0], 1);
        fresh = arrived[l] = 1; }
      if (w->id[l] < 0) continue;
      active++;
      if (arrived[l]) apply_events(w, a, l); }
    if (fresh) derive(w->P, w->R);
#if EVENTS
    M here = (M)vset(0.0);
    for (int l = 0; l < LANES; l++) if (w->id[l] >= 0 && arrived[l]) here[l] = -1;
    here = respond(w, a, here);
    for (int l = 0; l < LANES; l++) if (here[l]) fail(w, a, l, 4);
#endif
    for (int l = 0; l < LANES; l++) if (w->id[l] >= 0 && (w->due[l] >= a->days || a->day[w->due[l]] <= w->t[l])) any = 1;
    if (!any) return active;
    observe(w->Y, w->R, w->O);
    for (int l = 0; l < LANES; l++) {
      arrived[l] = 0;
      if (w->id[l] >= 0 && w->due[l] < a->days && a->day[w->due[l]] <= w->t[l]) write_lane(w, a, l); } } }

/* Outputs due within the step. */
static void dense(Work *w, const Task *a, M taken, V h, V end) {
  for (;;) {
    V th = vset(0.0); M due = taken;
    for (int l = 0; l < LANES; l++) {
      if (due[l] && !(w->due[l] < a->days && a->day[w->due[l]] < end[l])) due[l] = 0;
      if (due[l]) th[l] = (a->day[w->due[l]] - w->t[l]) / h[l]; }
    if (!some(due)) return;
    between(w, th);
    observe(w->U, w->R, w->O);
    for (int l = 0; l < LANES; l++) if (due[l]) write_lane(w, a, l); } }

/* Lanes whose first step is longer than a mode needs to grow: the method damps whatever it cannot follow, even what grows,
   and its error estimate then sees nothing. A pivot of 1/(h gamma) - J below zero tells. */
#define PASSED_OVER 1e10
static M passed_over(const Work *w) {
  M any = (M)vset(0.0), fresh = any;
  for (int l = 0; l < LANES; l++) fresh[l] = w->fresh[l] ? -1 : 0;
  if (!some(fresh)) return any;
  for (int m = 0; m < STATES; m++) any |= w->W[PIVOT[m]] < vset(0.0);
  return any & fresh; }

/* Mean square of the error over the states, in units of the tolerance; patients who go together share the worst. */
static V error_of(const Work *w, const Task *a) {
  V sum = vset(0.0);
  for (int m = 0; m < STATES; m++) {
    V e = w->K[7][m] / (a->atol[m] + a->rtol * vmax(vabs(w->Y[m]), vabs(w->Y1[m])));
    sum = sum + e * e; }
  sum = vsel(passed_over(w), vset(PASSED_OVER), sum * (1.0 / STATES));
  if (!a->together) return sum;
  double worst = 0.0;
  for (int l = 0; l < LANES; l++) if (w->id[l] >= 0 && (sum[l] > worst || sum[l] != sum[l])) worst = sum[l];
  return vset(worst); }

static void advance(Work *w, const Task *a, int *arrived) {
  V h, end = w->t; M taken = (M)vset(0.0); int hit[LANES];
  for (int l = 0; l < LANES; l++) {
    double left = w->stop[l] - w->t[l], next = w->h[l];
    hit[l] = next >= left * (1 - 1e-12);
    h[l] = hit[l] ? left : next > 0.5 * left ? 0.5 * left : next; }
  step(w->Y, w->R, h, w->W, w->Y1, w->K);
  w->ready = 0;
  V error = error_of(w, a), factor = 0.9 * vpow(vmax(error, vset(1e-30)), vset(-0.1));
  for (int l = 0; l < LANES; l++) {
    double grow = factor[l];
    arrived[l] = 0;
    if (w->id[l] < 0) continue;
    w->n[l]++;
    if (error[l] <= 1.0) {
      grow = grow > 6.0 ? 6.0 : grow < 0.2 ? 0.2 : grow;
      if (w->rejected[l] && grow > 1.0) grow = 1.0;
      double next = h[l] * grow;
      if (!hit[l] || grow < 1.0 || next > w->h[l]) w->h[l] = next;
      w->rejected[l] = w->fresh[l] = 0; taken[l] = -1; arrived[l] = hit[l];
      end[l] = hit[l] ? w->stop[l] : w->t[l] + h[l];
      if (end[l] == w->t[l]) { fail(w, a, l, 2); taken[l] = 0; } }
    else {
      w->rejected[l] = 1;
      w->h[l] = h[l] * (grow > 0.1 && error[l] < 1e300 ? grow : 0.1);
      if (w->h[l] < a->least) fail(w, a, l, error[l] < 1e300 ? 2 : 1); }
    if (w->n[l] >= a->most && w->due[l] < a->days && !(taken[l] && end[l] >= a->day[a->days - 1])) { fail(w, a, l, 3); taken[l] = 0; } }
  V share = vset(1.0);
#if EVENTS
  M fired;
  share = watch(w, taken, h, &fired);
  M early = fired & (share < vset(1.0));
  end = vsel(early, w->t + share * h, end);
  for (int l = 0; l < LANES; l++) arrived[l] |= fired[l] != 0;
#endif
  dense(w, a, taken, h, end);
  reduce(w, a, taken, h, share, end);
#if EVENTS
  if (some(early)) { between(w, share); for (int m = 0; m < STATES; m++) w->Y1[m] = vsel(early, w->U[m], w->Y1[m]); }
#endif
  w->t = vsel(taken, end, w->t);
  for (int m = 0; m < STATES; m++) w->Y[m] = vsel(taken, w->Y1[m], w->Y[m]); }

/* Solves for every patient in the queue. */
static void work_off(Work *w, const Task *a, V *kept) {
  int arrived[LANES]; int64_t next = 0;
  if (a->count == 0 || a->days == 0) return;
  memset(w, 0, sizeof *w);
  w->kept = kept;
  for (int l = 0; l < LANES; l++) {
    arrived[l] = 1;
    if (next < a->count) load(w, a, l, a->who[next++], 0); else load(w, a, l, a->who[0], 1); }
  derive(w->P, w->R);
  while (settle(w, a, &next, arrived) > 0) advance(w, a, arrived); }
