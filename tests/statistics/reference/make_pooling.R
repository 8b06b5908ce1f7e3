# Reference values for pooling, by metafor (Viechtbauer 2010) and lme4 (Bates 2015).
# Rscript make_pooling.R pooling_data.csv pooling_r.csv
suppressMessages({library(metafor); library(lme4)})
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(arguments[1], stringsAsFactors = FALSE)
found <- data.frame()
keep <- function(set, model, quantity, value) {
  found <<- rbind(found, data.frame(set = set, model = model, quantity = quantity,
                                    value = sprintf("%.10g", as.numeric(value))))
}
# glmer's own tolerances stop its Laplace fits some 3e-4 short of the maximum: tighter ones here.
tight <- list(threshold = 1e-12, maxiter = 10000, tol = 1e-12)
exactly <- glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5, rhoend = 1e-9), tolPwrss = 1e-11,
                        check.conv.singular = "ignore")

weighted <- function(set, name, effects, method, test) {
  fit <- rma(yi, vi, data = effects, method = method, test = test, control = tight)
  wide <- predict(fit)
  values <- c(b = fit$beta[1], se = fit$se[1], low = fit$ci.lb[1], high = fit$ci.ub[1], tau2 = fit$tau2, i2 = fit$I2 / 100,
              h2 = fit$H2, q = fit$QE, p = fit$QEp, prediction_low = wide$pi.lb, prediction_high = wide$pi.ub)
  for (what in names(values)) keep(set, name, what, values[[what]])
  fit
}

for (set in unique(data$set)) {
  part <- data[data$set == set, ]
  k <- nrow(part)
  rate <- set == "rates"
  if (!rate) {
    exact <- binom.test(sum(part$events), sum(part$n))$conf.int
    keep(set, "exact", "low", exact[1]); keep(set, "exact", "high", exact[2])
  } else {
    exact <- poisson.test(sum(part$events), sum(part$n))$conf.int
    keep(set, "exact", "low", exact[1]); keep(set, "exact", "high", exact[2])
  }
  measures <- if (rate) "IRLN" else c("PLO", "PFT", "PR")
  for (measure in measures) {
    effects <- if (rate) escalc(measure = measure, xi = events, ti = n, data = part)
               else escalc(measure = measure, xi = events, ni = n, data = part)
    for (i in seq_len(k)) {
      keep(set, measure, paste0("y", i), effects$yi[i]); keep(set, measure, paste0("v", i), effects$vi[i])
    }
    if (k < 2) next
    for (method in c("DL", "PM", "REML")) for (test in c("z", "knha"))
      weighted(set, paste(measure, method, test), effects, method, test)
    if (measure == "PFT") {
      fit <- rma(yi, vi, data = effects, method = "REML", test = "knha", control = tight)
      back <- predict(fit, transf = transf.ipft.hm, targs = list(ni = part$n))
      keep(set, "ft", "value", back$pred); keep(set, "ft", "low", back$ci.lb); keep(set, "ft", "high", back$ci.ub)
      keep(set, "ft", "prediction_low", back$pi.lb); keep(set, "ft", "prediction_high", back$pi.ub)
    }
    if (measure %in% c("PLO", "IRLN") && k > 2) {
      fit <- rma(yi, vi, data = effects, method = "DL")
      one <- leave1out(fit)
      for (i in seq_len(k)) {
        keep(set, "leave1out", paste0("b", i), one$estimate[i]); keep(set, "leave1out", paste0("tau2_", i), one$tau2[i])
      }
      egger <- regtest(fit, model = "lm", predictor = "sei")
      keep(set, "egger", "t", egger$zval); keep(set, "egger", "p", egger$pval)
      if (!rate) {  # metafor's 1/n wants the sizes that escalc keeps
        peters <- regtest(fit, model = "lm", predictor = "ninv")
        keep(set, "peters", "t", peters$zval); keep(set, "peters", "p", peters$pval)
      }
    }
  }
  if (set %in% c("one", "all_events", "none")) next
  for (points in c(1, 7, 25)) {
    fit <- if (rate) glmer(events ~ 1 + (1 | study) + offset(log(n)), family = poisson, data = part, nAGQ = points,
                           control = exactly)
           else glmer(cbind(events, n - events) ~ 1 + (1 | study), family = binomial, data = part, nAGQ = points,
                      control = exactly)
    name <- paste("glmer", points)
    keep(set, name, "b", fixef(fit)); keep(set, name, "se", sqrt(vcov(fit)[1, 1])); keep(set, name, "tau2", getME(fit, "theta")^2)
  }
  if (!rate) {
    fit <- rma.glmm(measure = "PLO", xi = events, ni = n, data = part, nAGQ = 7)
    wide <- predict(fit)
    keep(set, "rma.glmm", "b", fit$beta[1]); keep(set, "rma.glmm", "low", fit$ci.lb); keep(set, "rma.glmm", "high", fit$ci.ub)
    keep(set, "rma.glmm", "tau2", fit$tau2); keep(set, "rma.glmm", "i2", fit$I2 / 100)
    keep(set, "rma.glmm", "prediction_low", wide$pi.lb); keep(set, "rma.glmm", "prediction_high", wide$pi.ub)
  }
  if (set == "moderators") {
    effects <- escalc(measure = "PLO", xi = events, ni = n, data = part)
    for (method in c("DL", "PM", "REML")) for (test in c("z", "knha")) {
      fit <- rma(yi, vi, mods = ~ factor(group) + dose, data = effects, method = method, test = test, control = tight)
      name <- paste("regression", method, test)
      for (i in seq_along(fit$beta)) {
        keep(set, name, paste0("b", i), fit$beta[i]); keep(set, name, paste0("se", i), fit$se[i])
        keep(set, name, paste0("p", i), fit$pval[i])
      }
      keep(set, name, "statistic", fit$QM); keep(set, name, "p", fit$QMp); keep(set, name, "tau2", fit$tau2)
    }
    groups <- lapply(split(effects, effects$group), function(g) rma(yi, vi, data = g, method = "DL"))
    between <- rma(sapply(groups, function(g) g$beta[1]), sei = sapply(groups, function(g) g$se), method = "FE")
    keep(set, "between DL", "q", between$QE); keep(set, "between DL", "p", between$QEp)
  }
}
for (package in c("metafor", "lme4")) keep("version", package, as.character(packageVersion(package)), NA)
keep("version", "R", as.character(getRversion()), NA)
write.csv(found, arguments[2], row.names = FALSE, quote = FALSE)
